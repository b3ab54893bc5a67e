"""connectors.yaml: the connectors that should run."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from jobs.connectors import rules
from jobs.declared import File, Place, Strict, read


def _text(value: object) -> object:
    """Connect's settings are text: true is "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Config = dict[str, Annotated[str, BeforeValidator(_text)]]


class Connector(Strict):
    """One connector as declared.

    Args:
        name: Its name.
        config: What Connect is given, with references such as ${env:TOKEN} for what is secret.
        owner: Who to ask about it.
        description: What it does.
        state: What it should do: run, keep its place and its tasks but do nothing, or have no tasks at all.
    """

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
    config: Config
    owner: str = ""
    description: str = ""
    state: Literal["running", "paused", "stopped"] = "running"


class Defaults(Strict):
    """What a connector of this file has unless it says otherwise."""

    config: Config = Field(default_factory=dict)
    owner: str = ""


class Connectors(Strict):
    """The whole file."""

    defaults: Defaults = Defaults()
    connectors: list[Connector]

    def resolved(self) -> dict[str, dict[str, str]]:
        """Each connector's configuration by name, with the defaults and its name filled in."""
        return {each.name: self.defaults.config | each.config | {"name": each.name} for each in self.connectors}

    def states(self) -> dict[str, str]:
        """What each connector should do, as Connect says it: RUNNING, PAUSED, STOPPED."""
        return {each.name: each.state.upper() for each in self.connectors}


def load(file: Path) -> File[Connectors]:
    """Read connectors.yaml.

    Raises:
        UsageError: It is not there, malformed, holds a secret, or breaks a rule that Connect does not check.
    """
    found = read(file, Connectors)
    resolved = found.value.resolved()
    problems: list[tuple[Place, str]] = []
    first: dict[str, int] = {}
    poller: dict[str, str] = {}
    for index, each in enumerate(found.value.connectors):
        if each.name in first:
            problems.append((("connectors", index, "name"), f"connector {each.name} is declared twice"))
            continue
        first[each.name] = index
        for key, why in rules.problems(resolved[each.name]):
            place: Place = ("connectors", index, "config", key)
            if key not in each.config and key in found.value.defaults.config:
                place = ("defaults", "config", key)
            problems.append((place, f"{each.name}: {key}: {why}"))
        if bot := rules.telegram_bot(resolved[each.name]):
            if bot in poller:
                why = f"{poller[bot]} polls with the same token, and Telegram answers 409 to a second poller"
                problems.append((("connectors", index, "config"), f"{each.name}: {why}"))
            poller.setdefault(bot, each.name)
    found.refuse(problems)
    return found
