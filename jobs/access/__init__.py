"""Access: who may do what on the cluster, derived from what they do."""

import logging
from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AdminClient

from jobs import kafka
from jobs.access import actual, passwords, strimzi
from jobs.access.changes import Holder, Plan, diff
from jobs.access.declared import Access, User, load
from jobs.access.derived import rights
from jobs.access.roles import Right
from jobs.connectors.declared import load as load_connectors
from jobs.declared import File
from jobs.errors import JobError, PendingError
from jobs.job import job
from jobs.kafka.lock import held
from jobs.kafka.wire import wire
from jobs.strimzi import Manifests
from jobs.topics.declared import load as load_topics

log = logging.getLogger(__name__)


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("kafka",))
def plan(file: Path = Path("messages/access.yaml"), *, fail_on_changes: bool = False) -> Plan:
    """Show what `access apply` would give to users, and take from them.

    Args:
        file: The users as declared: a path, or one under HEADRACE_DECLARED.
        fail_on_changes: Exit with status 3 when there is something to do.

    Raises:
        JobError: The cluster has no authorizer, or does not answer.
        PendingError: There are changes, and `fail_on_changes`.
    """
    source = load(file)
    found = _look(kafka.admin(), source)
    if fail_on_changes and found.changes:
        raise PendingError(
            f"{len(found.changes)} things differ from {found.file}", hint=f"headrace access apply {file}", result=found
        )
    return found


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("kafka",))
def apply(file: Path = Path("messages/access.yaml"), *, dry_run: bool = False, lock_timeout: float = 60) -> Plan:
    """Give the declared users what they need for what they do, and take what else they have.

    Users that the file does not name are left alone. Run twice, or killed and run again, it leaves the same.

    Args:
        file: The users as declared: a path, or one under HEADRACE_DECLARED.
        dry_run: Only show it.
        lock_timeout: How long to wait for somebody else who is changing the cluster, in seconds.

    Raises:
        JobError: A new user's password is nowhere to be found, or the cluster refuses a change.
    """
    client, source = kafka.admin(), load(file)
    first = _look(client, source)
    users = {user.name: user for user in source.value.users}
    _refuse_unknown(first, users, source)
    if dry_run or not first.changes:
        return first
    with held(client, "access apply", lock_timeout) as lock:
        _make(client, _look(client, source), users, derived(source), lock.check)
    return first.model_copy(update={"applied": True})


@job("jobs", memory="128Mi")
def export(file: Path = Path("messages/access.yaml"), *, cluster: str = "kafka") -> Manifests:
    """Write the file as Strimzi's KafkaUser resources, for a cluster whose operator owns the users.

    Args:
        file: The users as declared: a path, or one under HEADRACE_DECLARED.
        cluster: The name of the Kafka resource.

    Raises:
        UsageError: The file is malformed.
    """
    return strimzi.manifests({name: user for name, user in derived(load(file)).items() if user.rights}, cluster)


def derived(source: File[Access]) -> dict[str, Holder]:
    """Each declared user with what it may do, from this file and those that it names."""
    users = source.value.users
    topics = {name: list(load_topics(Path(name)).value.resolved()) for user in users for name in user.declares}
    running = {name: load_connectors(Path(name)).value.resolved() for user in users for name in user.connectors}
    return {user.name: _holder(user, frozenset(rights(user, topics, running))) for user in users}


def _holder(user: User, allowed: frozenset[Right]) -> Holder:
    if user.state == "absent":
        return Holder()
    return Holder(
        rights=allowed,
        quotas=user.quotas.model_dump(exclude_none=True),
        mechanisms=frozenset({user.mechanism} if user.password else ()),
    )


def _look(client: AdminClient, source: File[Access]) -> Plan:
    users = {user.name: user for user in source.value.users}
    actual.refuse_open(client)
    known = actual.mechanisms(client, users)
    with wire() as wired:
        limits = actual.quotas(wired, users)
    now = {
        name: Holder(
            rights=actual.rights(client, name),
            quotas=limits.get(name, {}),
            mechanisms=known[name],
            outdated=_outdated(user, known[name]),
        )
        for name, user in users.items()
    }
    return diff(derived(source), now, file=str(source.path))


def _outdated(user: User, known: frozenset[str]) -> bool:
    password = passwords.find(user)
    return password is not None and user.mechanism in known and passwords.is_outdated(user, password)


def _refuse_unknown(found: Plan, users: dict[str, User], source: File[Access]) -> None:
    """A password that must be set must be there; which one it is, nobody says."""
    places = {name: source.where("users", at, "password") for at, name in enumerate(users)}
    missing = [
        f"{places[each.user]}: {each.user}: {users[each.user].password} is not set"
        for each in found.changes
        if each.kind == "password" and each.action == "create" and passwords.find(users[each.user]) is None
    ]
    if missing:
        raise JobError("; ".join(missing), hint="set it, then the same command again", result=found)


def _make(
    client: AdminClient, found: Plan, users: dict[str, User], wanted: dict[str, Holder], go: Callable[[], None]
) -> None:
    """Passwords and new rights first, quotas next, and what is taken away last."""
    go()
    for each in found.changes:
        log.info("%s %s of %s: %s", each.action, each.kind, each.user, each.what)
        if each.kind == "password" and each.action != "delete":
            actual.set_password(client, each.user, each.what, passwords.find(users[each.user]))
    now = {name: actual.rights(client, name) for name in users}
    actual.give(client, [(name, right) for name, user in wanted.items() for right in user.rights - now[name]])
    go()
    limits = [each for each in found.changes if each.kind == "quota"]
    if limits:
        with wire() as wired:
            for each in limits:
                actual.set_quotas(wired, each.user, {each.what: float(each.after) if each.after else None})
    go()
    actual.take(client, [(name, right) for name, user in wanted.items() for right in now[name] - user.rights])
    for each in found.changes:
        if each.kind == "password" and each.action == "delete":
            actual.set_password(client, each.user, each.what, None)
