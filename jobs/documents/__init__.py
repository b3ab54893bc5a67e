"""Documents: the collections that collections.yaml declares, made so."""

from pathlib import Path

from jobs.documents import actual, client
from jobs.documents.declared import load
from jobs.documents.difference import Plan, diff
from jobs.errors import JobError, PendingError
from jobs.job import job


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("mongodb",))
def plan(file: Path = Path("documents/collections.yaml"), *, fail_on_changes: bool = False) -> Plan:
    """Show what `documents apply` would do.

    Args:
        file: The collections as declared: a path, or one under HEADRACE_DECLARED.
        fail_on_changes: Exit with status 3 when there is something to do.

    Raises:
        UsageError: The file is malformed.
        JobError: MongoDB does not answer.
        PendingError: There are changes, and `fail_on_changes`.
    """
    source, database = load(file), client.database()
    declared = source.value.collections
    there = actual.read(database, [each.name for each in declared])
    found = diff(str(source.path), declared, there, checks=actual.checks(database))
    if fail_on_changes and found.changes:
        said = f"{len(found.changes)} things differ from {found.file}"
        raise PendingError(said, hint=f"headrace documents apply {file}", result=found)
    return found


@job("jobs", memory="128Mi", retries=2, minutes=30, needs=("mongodb",))
def apply(file: Path = Path("documents/collections.yaml")) -> Plan:
    """Make the collections match the file: their schema and indexes; nothing is deleted.

    Args:
        file: The collections as declared: a path, or one under HEADRACE_DECLARED.

    Raises:
        UsageError: The file is malformed.
        JobError: An index is there with another definition, or MongoDB refuses something.
    """
    source, database = load(file), client.database()
    declared = {each.name: each for each in source.value.collections}
    check = actual.checks(database)
    found = diff(str(source.path), [*declared.values()], actual.read(database, [*declared]), checks=check)
    if found.refused:
        raise JobError("; ".join(found.refused), hint="headrace documents plan", result=found)
    actual.make(database, found.changes, declared, check=check)
    return found.model_copy(update={"applied": True})
