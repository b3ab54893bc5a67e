"""Topics: what topics.yaml declares, made so."""

import logging
from pathlib import Path

from confluent_kafka.admin import AdminClient
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from jobs import kafka
from jobs.declared import File
from jobs.errors import JobError, PendingError, UsageError
from jobs.job import job
from jobs.topics import actual
from jobs.topics.changes import Plan, diff
from jobs.topics.declared import Topics, load

log = logging.getLogger(__name__)

SETTLE = 30
"""How long a cluster may take to show a change that it accepted, in seconds."""


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("kafka",))
def plan(file: Path = Path("messages/topics.yaml"), *, prune: str = "", fail_on_changes: bool = False) -> Plan:
    """Show what `topics apply` would do, as the cluster itself judges it.

    Args:
        file: The topics as declared: a path, or one under HEADRACE_DECLARED.
        prune: Also plan to delete undeclared topics whose name fits this pattern, such as `messages.old*`.
        fail_on_changes: Exit with status 3 when there is something to do.

    Raises:
        JobError: The file asks for what cannot be done, or the cluster refuses it.
        PendingError: There are changes, and `fail_on_changes`.
    """
    found = _plan(kafka.admin(), load(file), prune)
    if fail_on_changes and found.changes:
        raise PendingError(
            f"{len(found.changes)} topics differ from {found.file}", hint="headrace topics apply", result=found
        )
    return found


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("kafka",))
def apply(
    file: Path = Path("messages/topics.yaml"), *, prune: str = "", yes: bool = False, dry_run: bool = False
) -> Plan:
    """Make the cluster match the file: create and change topics, and wait until that can be seen.

    Run twice, killed and run again, or run by two at once, it leaves the same topics.

    Args:
        file: The topics as declared: a path, or one under HEADRACE_DECLARED.
        prune: Also delete undeclared topics whose name fits this pattern; never internal ones.
        yes: Delete without asking; `prune` needs it.
        dry_run: Let the cluster judge every change, and make none.

    Raises:
        JobError: The file asks for what cannot be done, or the cluster refuses it.
        UsageError: `prune` would delete topics, and `yes` is not given.
    """
    client, source = kafka.admin(), load(file)
    first = _plan(client, source, prune)
    doomed = [change.topic for change in first.changes if change.action == "delete"]
    if doomed and not (yes or dry_run):
        raise UsageError(
            f"--prune would delete {len(doomed)} topics and their records: {', '.join(doomed)}",
            hint="the same command with --yes",
            result=first,
        )
    if dry_run or not first.changes:
        return first
    _converge(client, source, prune)
    return first.model_copy(update={"applied": True})


def _plan(client: AdminClient, source: File[Topics], prune: str) -> Plan:
    """What is to be done, if the cluster would do it."""
    found = _look(client, source, prune)
    if found.refused:
        lines = {topic.name: source.where("topics", at) for at, topic in enumerate(source.value.topics)}
        raise JobError(
            "; ".join(f"{lines[each.topic]}: {each.topic}: {each.why}" for each in found.refused),
            hint="mend the file, then headrace topics plan",
            result=found,
        )
    actual.make(client, found, validate_only=True)
    return found


def _look(client: AdminClient, source: File[Topics], prune: str) -> Plan:
    declared = source.value.resolved()
    return diff(declared, actual.read(client, declared), file=str(source.path), prune=prune)


def _converge(client: AdminClient, source: File[Topics], prune: str) -> None:
    """Make what differs and look again, until nothing does: whoever made it, and whenever it shows."""

    def step() -> Plan:
        found = _look(client, source, prune)
        for change in found.changes:
            log.info("%s topic %s", change.action, change.topic)
        actual.make(client, found, validate_only=False)
        return found

    def still_differs(state: RetryCallState) -> Plan:
        found: Plan = state.outcome.result() if state.outcome else step()
        topics = ", ".join(change.topic for change in found.changes)
        raise JobError(
            f"the cluster accepted the changes, but after {SETTLE} s these topics still differ: {topics}",
            hint="headrace topics plan",
            result=found,
        )

    Retrying(
        retry=retry_if_result(lambda found: bool(found.changes)),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(SETTLE),
        retry_error_callback=still_differs,
    )(step)
