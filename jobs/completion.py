"""What the shell completes: commands and options from a script, names that exist now from the services.

A TAB is answered in 200 ms or not at all, so nothing here imports what reads settings or declares jobs (0.4 s).
"""

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from urllib.request import urlopen

Kind = Literal["topics", "connectors", "groups"]

BUDGET = 0.15
"""How long a service may take to answer, in seconds."""

OPTIONS: dict[str, Kind] = {"topic": "topics", "group": "groups"}
POSITIONS: dict[str, Kind] = {"connectors": "connectors", "groups": "groups"}

SECURITY = (
    "SECURITY_PROTOCOL",
    "SASL_MECHANISM",
    "SASL_USERNAME",
    "SASL_PASSWORD",
    "SSL_CA_LOCATION",
    "SSL_CERTIFICATE_LOCATION",
    "SSL_KEY_LOCATION",
)


def live(noun: str, option: str) -> Kind | None:
    """What kind of name an option of a command takes; None if it takes none that a service knows."""
    if (noun, option) in (("connectors", "name"), ("topics", "names")):
        return "connectors" if noun == "connectors" else "topics"
    return OPTIONS.get(option)


def kind(words: Sequence[str]) -> Kind:
    """What kind of name the last of these words is; the script asks only where there is one."""
    before, last = (words[-2] if len(words) > 1 else ""), words[-1] if words else ""
    option = (last.partition("=")[0] if last.startswith("--") else before).removeprefix("--")
    noun = next((word for word in words if not word.startswith("-")), "")
    return OPTIONS.get(option) or POSITIONS.get(noun, "topics")


def answer(words: Sequence[str]) -> None:
    """Print the names that begin like the last word, as the script that cyclopts generates reads them."""
    try:
        found = names(kind(words))
    except Exception:  # a traceback in the middle of a command line helps nobody
        found = []
    begun = words[-1].rpartition("=")[2] if words else ""
    lines = [f"{name}\t" for name in sorted(found) if name.startswith(begun)]
    sys.stdout.write("\n".join(["", "\x1fbegin", *lines, ""]))


def names(of: Kind) -> list[str]:
    """All names of a kind that there are now."""
    environment = _environment()
    if of == "connectors":
        with urlopen(f"{environment['CONNECT_URL']}/connectors", timeout=BUDGET) as said:  # noqa: S310 - our own URL
            return json.load(said)
    client = _admin(environment)
    if of == "topics":
        return [name for name in client.list_topics(timeout=BUDGET).topics if not name.startswith("_")]
    return [each.group_id for each in client.list_consumer_groups(request_timeout=BUDGET).result(BUDGET).valid]


def _environment() -> dict[str, str]:
    from dotenv import dotenv_values  # noqa: PLC0415

    file = Path(os.environ.get("HEADRACE_STATE", ".state"), "stack.env")
    return {**{name: value or "" for name, value in dotenv_values(file).items()}, **os.environ}


def _admin(environment: dict[str, str]) -> Any:
    servers = environment.get("KAFKA_BOOTSTRAP_SERVERS") or environment["BOOTSTRAP_SERVERS"]
    said = {name.lower().replace("_", "."): environment.get(f"KAFKA_{name}", "") for name in SECURITY}
    config = {"bootstrap.servers": servers, "log_level": 0, **{name: value for name, value in said.items() if value}}
    return import_module("confluent_kafka.admin").AdminClient(config)


def completion(shell: Literal["bash", "zsh", "fish"] = "bash") -> None:
    """Print what makes the shell complete commands, options, and the names of topics, connectors and groups.

    For this shell: `source <(headrace completion bash)`.

    Args:
        shell: For which shell.
    """
    from jobs.cli import completing  # noqa: PLC0415

    sys.stdout.write(completing().generate_completion(prog_name="headrace", shell=shell) + "\n")
