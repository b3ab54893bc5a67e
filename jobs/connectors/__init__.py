"""Connectors: what connectors.yaml declares, running in Kafka Connect."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from jobs.connect import Connect
from jobs.connectors import judging, moving, settling, strimzi
from jobs.connectors.changes import Plan
from jobs.connectors.declared import load
from jobs.connectors.moving import Move
from jobs.connectors.restarts import Tried, failures, tried
from jobs.connectors.states import BAD, State
from jobs.errors import PendingError, UnhealthyError
from jobs.job import job
from jobs.strimzi import Manifests

log = logging.getLogger(__name__)


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
    found = judging.plan(Connect(), load(file))
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
    found = judging.plan(connect, source)
    if dry_run:
        return found
    settling.settle(connect, source.value, found)
    return found.model_copy(update={"applied": True})


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("connect", "kafka"))
def status(name: str = "") -> list[State]:
    """Show how each connector is: as the worst of itself and its tasks, with the root cause, and since when.

    Args:
        name: Only this connector.

    Raises:
        UnhealthyError: One has failed, or is nowhere to be found.
    """
    connect = Connect()
    states = judging.states(connect, [name] if name else None)
    bad = [each for each in states if each.state in BAD]
    if bad:
        raise UnhealthyError("; ".join(each.said for each in bad), hint=bad[0].mend, result=states)
    return states


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("connect", "kafka"))
def restart(name: str = "", *, tries: int = 10, now: bool = False) -> list[Tried]:
    """Restart what has failed, and nothing else: sooner or later, as often as it failed; never what cannot get better.

    The n-th restart in a row waits n * n + n minutes after the one before, at most 60. What remembers them is the topic
    in which Connect keeps its states.

    Args:
        name: Only this connector.
        tries: How many restarts in a row are tried before a person has to look.
        now: Restart at once whatever has failed, also what was given up.

    Raises:
        UnhealthyError: Something has failed for a reason that a restart cannot mend, or too often.
    """
    connect = Connect()
    moment = datetime.now(UTC)
    statuses = connect.statuses()
    if name:
        statuses = {each: found for each, found in statuses.items() if each == name}
    done: list[Tried] = []
    for each in failures(statuses, judging.histories(), moment, tries):
        if now or (each.due and each.due <= moment):
            log.info("restart %s%s", each.connector, "" if each.task is None else f" task {each.task}")
            connect.restart(each.connector, each.task)
            done.append(tried(each, "restarted"))
        else:
            done.append(tried(each, "waits" if each.due else "given up"))
    if left := [each for each in done if each.action == "given up"]:
        said = "; ".join(f"{each.connector}: {each.problem}: {each.cause}" for each in left)
        raise UnhealthyError(f"a restart cannot mend {said}", hint=left[0].mend, result=done)
    return done


@job("jobs", memory="128Mi", retries=0, minutes=5, needs=("connect", "kafka"))
def offsets(
    action: Literal["list", "alter", "reset"],
    name: str,
    *,
    to: str = "",
    dry_run: bool = False,
    yes: bool = False,
) -> Move:
    """Show where a connector goes on, or let it go on elsewhere; says first how many records that replays or skips.

    The connector is stopped meanwhile, and left as it was found.

    Args:
        action: list shows; alter goes to `to`; reset forgets, so that it begins as a new one would.
        name: The connector.
        to: earliest, latest, an offset, a time such as 2026-01-31T12:00Z, offsets by partition (0:17,1:4),
            or for a source the JSON object that its plugin understands.
        dry_run: Only say what would be replayed or skipped.
        yes: Do not ask.

    Raises:
        UsageError: `to` is nothing of that, or nobody can be asked and `yes` was not given.
        JobError: There is no such connector, or it does not come to a stop.
    """
    connect = Connect()
    found = moving.preview(connect, name, action, to)
    if action == "list" or dry_run:
        return found
    return moving.move(connect, found, yes=yes)


@job("jobs", memory="128Mi", needs=())
def export(file: Path = Path("messages/connectors.yaml"), *, cluster: str = "connect") -> Manifests:
    """Write the file as Strimzi's KafkaConnector resources, for a cluster whose operator owns the connectors.

    Args:
        file: The connectors as declared: a path, or one under HEADRACE_DECLARED.
        cluster: The name of the KafkaConnect resource.

    Raises:
        UsageError: The file is malformed, or a name is none that Kubernetes allows.
    """
    return strimzi.manifests(load(file), cluster)
