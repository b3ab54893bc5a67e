"""Connectors: what connectors.yaml declares, running in Kafka Connect."""

import difflib
import logging
import time
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from jobs.connect import Connect
from jobs.connectors import rules
from jobs.connectors.changes import Plan, State, diff, judge
from jobs.connectors.declared import Connectors, load
from jobs.declared import File
from jobs.errors import JobError, PendingError, UnhealthyError
from jobs.job import job

log = logging.getLogger(__name__)

SETTLE = 90
"""How long a connector may take until it and its tasks run, in seconds."""

STEADY = 2.0
"""How long a changed connector must be seen running, in seconds: at first Connect still shows its old tasks."""


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("connect",))
def plan(file: Path = Path("messages/connectors.yaml"), *, fail_on_changes: bool = False) -> Plan:
    """Show what `connectors apply` would do, as Connect itself judges it.

    Args:
        file: The connectors as declared: a path, or one under HEADRACE_DECLARED.
        fail_on_changes: Exit with status 3 when there is something to do.

    Raises:
        JobError: A plugin is missing, or Connect finds a setting wrong.
        PendingError: There are changes, and `fail_on_changes`.
    """
    found = _plan(Connect(), load(file))
    if fail_on_changes and found.changes:
        raise PendingError(
            f"{len(found.changes)} connectors differ from {found.file}",
            hint="headrace connectors apply",
            result=found,
        )
    return found


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("connect",))
def apply(file: Path = Path("messages/connectors.yaml"), *, dry_run: bool = False) -> Plan:
    """Make Connect match the file, and wait until every connector and task of it runs; nothing is deleted.

    Args:
        file: The connectors as declared: a path, or one under HEADRACE_DECLARED.
        dry_run: Let Connect judge every configuration, and change none.

    Raises:
        JobError: A plugin is missing, Connect finds a setting wrong, or a connector does not come to run.
    """
    connect, source = Connect(), load(file)
    found = _plan(connect, source)
    if dry_run:
        return found
    declared = source.value.resolved()
    for change in found.changes:
        log.info("%s connector %s", change.action, change.connector)
        connect.put(change.connector, declared[change.connector])
    changed = {change.connector for change in found.changes if change.action == "change"}
    _wait(connect, set(declared), steady=STEADY if changed else 0)
    return found.model_copy(update={"applied": True})


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("connect",))
def status(name: str = "") -> list[State]:
    """Show how each connector is: as the worst of itself and its tasks, with the root cause.

    Args:
        name: Only this connector.

    Raises:
        UnhealthyError: One has failed, or is nowhere to be found.
    """
    found = Connect().statuses()
    states = [judge(each, found.get(each)) for each in ([name] if name else sorted(found))]
    bad = [each for each in states if each.state in ("FAILED", "UNASSIGNED", "MISSING")]
    if bad:
        raise UnhealthyError("; ".join(map(_said, bad)), hint="headrace connectors apply", result=states)
    return states


def _plan(connect: Connect, source: File[Connectors]) -> Plan:
    declared = source.value.resolved()
    _check_plugins(connect.plugins(), source)
    problems = [
        f"{source.where('connectors', index, 'config', key)}: {name}: {key}: {why}"
        for index, (name, config) in enumerate(declared.items())
        for key, why in _judged(connect, config)
    ]
    if problems:
        raise JobError("Kafka Connect finds fault:\n  " + "\n  ".join(problems), hint="mend the file")
    return diff(declared, connect.configs(), str(source.path))


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


def _wait(connect: Connect, names: set[str], *, steady: float) -> None:
    """Wait until all of them run, have been seen running for `steady` seconds, or one has failed."""
    since: list[float] = []

    def look() -> tuple[list[State], bool]:
        found = connect.statuses()
        states = [judge(name, found.get(name)) for name in sorted(names)]
        if any(each.state != "RUNNING" for each in states):
            since.clear()
            return states, any(each.state == "FAILED" for each in states)
        since.append(time.monotonic())
        return states, since[-1] - since[0] >= steady

    states, _ = Retrying(
        retry=retry_if_result(lambda seen: not seen[1]),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(SETTLE),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )(look)
    bad = [each for each in states if each.state != "RUNNING"]
    if bad:
        raise JobError("; ".join(map(_said, bad)), hint="headrace connectors status", result=states)


def _said(state: State) -> str:
    return f"connector {state.name} is {state.state} ({state.tasks} tasks run){state.cause and f': {state.cause}'}"
