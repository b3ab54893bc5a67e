"""How a plan is come by: from the file and the cluster, or from where it was saved."""

from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AdminClient
from pydantic import ValidationError

from jobs.declared import File
from jobs.errors import JobError, UsageError
from jobs.topics import actual, impact
from jobs.topics.changes import Basis, Plan
from jobs.topics.declared import Topics
from jobs.topics.difference import diff, remaining, stale


def saved(path: Path) -> bool:
    """Whether a file is a saved plan, not a declaration: its name says so."""
    return path.suffix == ".json"


def as_declared(client: AdminClient, source: File[Topics]) -> tuple[Plan, Callable[[], Plan]]:
    """What a file asks for, and how to ask again what of it is left."""
    declared = source.value.resolved()
    return judged(client, source), lambda: diff(declared, actual.read(client, declared), file=str(source.path))


def as_saved(client: AdminClient, path: Path) -> tuple[Plan, Callable[[], Plan]]:
    """What a saved plan asks for, and how to ask again what of it is left, while the cluster is as it was."""
    plan = _saved(path)

    def look() -> Plan:
        there = actual.read(client, [each.topic for each in plan.changes], ids=True)
        if why := stale(plan, actual.cluster(client)[0], there):
            raise JobError(
                f"the plan is stale: {'; '.join(why)}",
                hint=f"headrace topics plan --save={path}, read it, and apply that",
            )
        return remaining(plan, there)

    first = look()
    actual.make(client, first, validate_only=True)
    return first, look


def judged(client: AdminClient, source: File[Topics]) -> Plan:
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


def save(client: AdminClient, found: Plan, path: Path) -> Plan:
    """Write a plan to a file, with what it was made from.

    Raises:
        UsageError: The file's name does not say that it is a plan.
    """
    if not saved(path):
        raise UsageError(f"a plan is a file NAME.json, not {path}", hint=f"headrace topics plan -o {path}.json")
    found = found.model_copy(update={"basis": basis(client, found)})
    path.write_text(found.model_dump_json(indent=1, exclude={"create", "change", "delete"}) + "\n", encoding="utf-8")
    return found


def basis(client: AdminClient, found: Plan) -> Basis:
    """The ids of the cluster and of the topics that are changed."""
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
