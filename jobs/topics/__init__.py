"""Topics: what topics.yaml declares, made so."""

from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AdminClient
from pydantic import ValidationError

from jobs import kafka
from jobs.declared import File
from jobs.errors import JobError, PendingError, UsageError
from jobs.job import job
from jobs.kafka.lock import held
from jobs.topics import actual, impact
from jobs.topics.changes import Basis, Plan
from jobs.topics.converge import converge, visible
from jobs.topics.declared import Topics, load
from jobs.topics.difference import diff, remaining, stale


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("kafka",))
def plan(file: Path = Path("messages/topics.yaml"), *, fail_on_changes: bool = False, save: str = "") -> Plan:
    """Show what `topics apply` would do, as the cluster itself judges it.

    Args:
        file: The topics as declared: a path, or one under HEADRACE_DECLARED.
        fail_on_changes: Exit with status 3 when there is something to do.
        save: Also write the plan to this file, for `topics apply --plan`.

    Raises:
        JobError: The file asks for what cannot be done, or the cluster refuses it.
        PendingError: There are changes, and `fail_on_changes`.
    """
    client, source = kafka.admin(), load(file)
    found = _plan(client, source)
    if save:
        found = found.model_copy(update={"basis": _basis(client, found)})
        Path(save).write_text(found.model_dump_json(indent=1, exclude={"create", "change"}) + "\n", encoding="utf-8")
    if fail_on_changes and found.changes:
        raise PendingError(
            f"{len(found.changes)} topics differ from {found.file}",
            hint=f"headrace topics apply {f'--plan={save}' if save else file}",
            result=found,
        )
    return found


@job("jobs", memory="128Mi", retries=2, minutes=60, needs=("kafka",))
def apply(
    file: Path = Path("messages/topics.yaml"),
    *,
    plan: str = "",
    dry_run: bool = False,
    throttle: int = 50_000_000,
    lock_timeout: float = 60,
) -> Plan:
    """Make the cluster match the file: create and change topics, and wait until every broker shows it.

    Run twice, killed and run again, or run by two at once, it leaves the same topics. It deletes none.

    Args:
        file: The topics as declared: a path, or one under HEADRACE_DECLARED.
        plan: Do what this file says, which `topics plan --save` wrote, rather than what `file` declares; refused when
            the cluster has changed since.
        dry_run: Let the cluster judge every change, and make none.
        throttle: When replicas move, how many bytes a second a broker may copy; 0 for no limit.
        lock_timeout: How long to wait for somebody else who is changing the cluster, in seconds.

    Raises:
        JobError: The file asks for what cannot be done, the cluster refuses it, the saved plan is stale, or somebody
            else is changing the cluster for longer than `lock_timeout`.
    """
    client = kafka.admin()
    first, look = _as_saved(client, Path(plan)) if plan else _as_declared(client, load(file))
    if dry_run or not first.changes:
        return first
    with held(client, "topics apply", lock_timeout) as lock:
        converge(client, look, throttle, lock.check)
    visible(client, {each.topic: each.shape("partitions") or 1 for each in first.changes})
    return first.model_copy(update={"applied": True})


def _as_declared(client: AdminClient, source: File[Topics]) -> tuple[Plan, Callable[[], Plan]]:
    """What a file asks for, and how to ask again what of it is left."""
    declared = source.value.resolved()
    return _plan(client, source), lambda: diff(declared, actual.read(client, declared), file=str(source.path))


def _as_saved(client: AdminClient, path: Path) -> tuple[Plan, Callable[[], Plan]]:
    """What a saved plan asks for, and how to ask again what of it is left, while the cluster is as it was."""
    saved = _saved(path)

    def look() -> Plan:
        there = actual.read(client, [each.topic for each in saved.changes], ids=True)
        if why := stale(saved, actual.cluster(client)[0], there):
            raise JobError(
                f"the plan is stale: {'; '.join(why)}",
                hint=f"headrace topics plan --save={path}, read it, and apply that",
            )
        return remaining(saved, there)

    first = look()
    actual.make(client, first, validate_only=True)
    return first, look


def _plan(client: AdminClient, source: File[Topics]) -> Plan:
    """What is to be done, if the cluster would do it."""
    declared = source.value.resolved()
    there = actual.read(client, declared)
    found = diff(declared, there, file=str(source.path), brokers=len(actual.cluster(client)[1]))
    if found.refused:
        lines = {topic.name: source.where("topics", at) for at, topic in enumerate(source.value.topics)}
        raise JobError(
            "; ".join(f"{lines[each.topic]}: {each.topic}: {each.why}" for each in found.refused),
            hint="mend the file, then headrace topics plan",
            result=found,
        )
    actual.make(client, found, validate_only=True)
    return impact.told(client, found, there)


def _basis(client: AdminClient, found: Plan) -> Basis:
    names = [each.topic for each in found.changes if each.action == "change"]
    ids = {name: topic.id for name, topic in actual.read(client, names, ids=True).items()} if names else {}
    return Basis(cluster=actual.cluster(client)[0], topics=ids)


def _saved(path: Path) -> Plan:
    try:
        return Plan.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"no plan {path}: {error.strerror}", hint=f"headrace topics plan --save={path}") from error
    except ValidationError as error:
        raise UsageError(f"{path} is not a plan", hint=f"headrace topics plan --save={path}") from error
