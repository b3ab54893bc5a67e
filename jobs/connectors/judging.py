"""What Connect, its plugins, the worker's config providers and Telegram say of connectors."""

import difflib
import logging
from collections.abc import Iterable

from jobs.connect import Connect
from jobs.connectors import history, rules, telegram
from jobs.connectors.changes import Plan, diff
from jobs.connectors.declared import Connectors
from jobs.connectors.states import Histories, State, judge, refused
from jobs.declared import File
from jobs.errors import JobError

log = logging.getLogger(__name__)


def plan(connect: Connect, source: File[Connectors]) -> Plan:
    """What must be done, once Connect has judged every configuration.

    Raises:
        JobError: A plugin is missing, Connect finds a setting wrong, or a token is polled by another connector.
    """
    declared, actual = source.value.resolved(), connect.configs()
    _check_plugins(connect.plugins(), source)
    problems: list[str] = []
    for index, (name, config) in enumerate(declared.items()):
        found = [*_judged(connect, config), *_polled_already(config, declared, actual)]
        problems += [f"{source.where('connectors', index, 'config', key)}: {name}: {key}: {why}" for key, why in found]
    if problems:
        raise JobError("Kafka Connect finds fault:\n  " + "\n  ".join(problems), hint="mend the file")
    targets = {name: target(status["connector"]["state"]) for name, status in connect.statuses().items()}
    return diff(declared, actual, str(source.path), wanted=source.value.states(), targets=targets)


def target(state: str) -> str:
    """What a connector in this state was told to do: one that has failed was told to run."""
    return state if state in ("PAUSED", "STOPPED") else "RUNNING"


def states(connect: Connect, names: Iterable[str] | None = None) -> list[State]:
    """How connectors are, all of them or these, as the worst of what Connect and Telegram say."""
    found, configs, past = connect.statuses(), connect.configs(), histories()
    judged: list[State] = []
    for name in sorted(found) if names is None else names:
        state = judge(name, found.get(name), past)
        if state.state == "RUNNING" and rules.telegram_bot(configs.get(name, {})):
            state = refused(state, trouble(connect, configs[name]))
        judged.append(state)
    return judged


def histories() -> Histories | None:
    """The states that everything was in; None when they are not to be had, and a warning says why."""
    try:
        return history.read()
    except JobError as error:
        log.warning("since when is not known: %s", error)
        return None


def trouble(connect: Connect, config: dict[str, str], *, watch: float = 0) -> str:
    """Why Telegram would not serve this source, or nothing; only the worker knows the token, so it is asked for it."""
    fields = connect.validate(config["connector.class"].rpartition(".")[2], config)
    bot = telegram.bot({each.name: each.value or "" for each in fields})
    return telegram.trouble(bot, watch=watch) if bot else ""


def _polled_already(
    config: dict[str, str], declared: dict[str, dict[str, str]], actual: dict[str, dict[str, str]]
) -> list[tuple[str, str]]:
    """The connectors outside of the file that poll with the same token; two inside are refused when it is read."""
    bot = rules.telegram_bot(config)
    others = [name for name, each in actual.items() if name not in declared and rules.telegram_bot(each) == bot]
    why = "{} polls with the same token, and Telegram answers 409 to a second poller"
    return [("camel.source.url", why.format(each)) for each in others] if bot else []


def _check_plugins(installed: list[str], source: File[Connectors]) -> None:
    short = {each.rpartition(".")[2]: each for each in installed}
    for index, (name, config) in enumerate(source.value.resolved().items()):
        wanted = config["connector.class"]
        if wanted in installed or wanted in short or f"{wanted}Connector" in short:
            continue
        near = difflib.get_close_matches(wanted.rpartition(".")[2], list(short), n=3)
        there = [short[each] for each in near] or [each for each in installed if each.endswith("Connector")]
        raise JobError(
            f"{source.where('connectors', index, 'config', 'connector.class')}: {name}: {wanted} is not installed "
            f"in Kafka Connect; installed are: {', '.join(there)}",
            hint="correct connector.class, or add the plugin to the worker's plugin.path and restart it",
        )


def _judged(connect: Connect, config: dict[str, str]) -> list[tuple[str, str]]:
    """What Connect, and the worker's config providers, find wrong; resolved values are never repeated."""
    problems: list[tuple[str, str]] = []
    for field in connect.validate(config["connector.class"].rpartition(".")[2], config):
        declared = config.get(field.name, "")
        for error in field.errors:
            shown = rules.hidden(field.name, declared) or ""
            problems.append((field.name, error.replace(field.value, shown) if field.value else error))
        if field.type == "PASSWORD" and declared and not rules.is_reference(declared):
            problems.append((field.name, "is a password written out; let the worker read it: ${env:NAME}"))
        for missing in rules.REFERENCE.findall(field.value or ""):
            problems.append((field.name, f"the worker cannot resolve {missing}: set it in the worker's environment"))
    return problems
