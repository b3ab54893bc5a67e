"""Topics: what topics.yaml declares, made so."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jobs import kafka
from jobs.errors import JobError, PendingError, UsageError
from jobs.job import job
from jobs.kafka.lock import held
from jobs.strimzi import Manifests
from jobs.topics import actual, deletion, planning, snapshots, strimzi
from jobs.topics.changes import Plan
from jobs.topics.converge import converge, visible
from jobs.topics.declared import load
from jobs.topics.deletion import Doomed
from jobs.topics.difference import remaining


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("kafka",))
def plan(
    file: Path = Path("messages/topics.yaml"),
    *,
    fail_on_changes: bool = False,
    save: Annotated[str, Parameter(alias="-o")] = "",
) -> Plan:
    """Show what `topics apply` would do, as the cluster itself judges it.

    Args:
        file: The topics as declared: a path, or one under HEADRACE_DECLARED.
        fail_on_changes: Exit with status 3 when there is something to do.
        save: Also write the plan to this file, `NAME.json`, for `topics apply NAME.json`.

    Raises:
        JobError: The file asks for what cannot be done, or the cluster refuses it.
        PendingError: There are changes, and `fail_on_changes`.
    """
    client, source = kafka.admin(), load(file)
    found = planning.judged(client, source)
    if save:
        found = planning.save(client, found, Path(save))
    if fail_on_changes and found.changes:
        raise PendingError(
            f"{len(found.changes)} topics differ from {found.file}",
            hint=f"headrace topics apply {save or file}",
            result=found,
        )
    return found


@job("jobs", memory="128Mi", retries=2, minutes=60, needs=("kafka",))
def apply(
    file: Path = Path("messages/topics.yaml"),
    *,
    dry_run: bool = False,
    throttle: int = 50_000_000,
    lock_timeout: float = 60,
) -> Plan:
    """Make the cluster match the file: create and change topics, and wait until every broker shows it.

    Run twice, killed and run again, or run by two at once, it leaves the same topics. It deletes none.

    Args:
        file: The topics as declared: a path, or one under HEADRACE_DECLARED. Or `NAME.json`, which `topics plan --save`
            wrote: exactly that is done, and refused when the cluster has changed since.
        dry_run: Let the cluster judge every change, and make none.
        throttle: When replicas move, how many bytes a second a broker may copy; 0 for no limit.
        lock_timeout: How long to wait for somebody else who is changing the cluster, in seconds.

    Raises:
        JobError: The file asks for what cannot be done, the cluster refuses it, the saved plan is stale, or somebody
            else is changing the cluster for longer than `lock_timeout`.
    """
    client = kafka.admin()
    first, look = planning.as_saved(client, file) if planning.saved(file) else planning.as_declared(client, load(file))
    if dry_run or not first.changes:
        return first
    with held(client, "topics apply", lock_timeout) as lock:
        converge(client, look, throttle, lock.check)
    visible(client, {each.topic: each.shape("partitions") or 1 for each in first.changes})
    return first.model_copy(update={"applied": True})


@job("jobs", memory="128Mi", minutes=5, needs=("kafka",))
def delete(
    names: str,
    *,
    yes: bool = False,
    file: Path = Path("messages/topics.yaml"),
    folder: str = "",
    lock_timeout: float = 60,
) -> list[Doomed]:
    """Delete topics by name, after keeping what `topics restore` needs; their records are gone.

    Args:
        names: The topics, separated by commas; no patterns, and none that Kafka, Connect or headrace needs.
        yes: Do it; without it, only show what would go.
        file: Where topics are declared: one that is protected there is refused.
        folder: Write each snapshot to a file here too, as well as to the topic `headrace.snapshots`.
        lock_timeout: How long to wait for somebody else who is changing the cluster, in seconds.

    Raises:
        UsageError: `yes` is not given.
        JobError: A topic is internal, protected or not there, or the cluster refuses; nothing is deleted then.
    """
    client = kafka.admin()
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    there = actual.read(client, wanted, ids=True)
    if why := deletion.refusals(wanted, there, load(file).value.resolved()):
        raise JobError("; ".join(why), hint="headrace topics plan")
    doomed, kept = deletion.look(client, there)
    if not yes:
        raise UsageError(
            f"this would delete {len(doomed)} topics and their records: {', '.join(wanted)}",
            hint="the same command with --yes",
            result=[replace(each, snapshot="") for each in doomed],
        )
    with held(client, "topics delete", lock_timeout) as lock:
        snapshots.keep(client, kept, folder)
        lock.check()
        deletion.remove(client, wanted)
    return doomed


@job("jobs", memory="128Mi", minutes=5, needs=("kafka",))
def restore(snapshot: str, *, lock_timeout: float = 60) -> Plan:
    """Make a deleted topic again as it was, without its records, and let its groups go on.

    Args:
        snapshot: What `topics delete` said: an id, the name of a topic (its last one), or a file.
        lock_timeout: How long to wait for somebody else who is changing the cluster, in seconds.

    Raises:
        UsageError: There is no such snapshot, or there is such a topic.
        JobError: The cluster refuses it, or a group has members.
    """
    client = kafka.admin()
    kept = snapshots.find(client, snapshot)
    found = deletion.again(client, kept)
    with held(client, "topics restore", lock_timeout) as lock:
        converge(client, lambda: remaining(found, actual.read(client, [kept.topic])), 0, lock.check)
        deletion.resume(client, kept)
    visible(client, {kept.topic: kept.partitions})
    return found.model_copy(update={"applied": True})


@job("jobs", memory="128Mi")
def export(file: Path = Path("messages/topics.yaml"), *, cluster: str = "kafka") -> Manifests:
    """Write the file as Strimzi's KafkaTopic resources, for a cluster whose operator owns the topics.

    Args:
        file: The topics as declared: a path, or one under HEADRACE_DECLARED.
        cluster: The name of the Kafka resource.

    Raises:
        UsageError: The file is malformed.
    """
    return strimzi.manifests(load(file).value.resolved(), cluster)
