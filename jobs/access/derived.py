"""From what users do to what they may do: pure."""

from collections.abc import Iterator, Mapping, Sequence

from jobs.access.declared import User
from jobs.access.roles import MOVES, ROLES, Right, topic


def rights(
    user: User, declared: Mapping[str, Sequence[str]], connectors: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> list[Right]:
    """The least that a user needs for what it does.

    Args:
        user: As declared.
        declared: The topics of each file that is named in `declares`.
        connectors: The connectors of each file that is named in `connectors`, by name.
    """
    if user.state == "absent":
        return []
    return sorted(set(_rights(user, declared, connectors)))


def _rights(
    user: User, declared: Mapping[str, Sequence[str]], connectors: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> Iterator[Right]:
    names = [name for file in user.declares for name in declared[file]]
    for job in user.runs:
        for right in ROLES[job]:
            yield from _filled(right, user.topics, names)
    if user.moves:
        yield from MOVES
    for file in user.connectors:
        for name, config in connectors[file].items():
            yield from connector(name, config)
    if user.workers:
        yield from workers(user.workers)
    yield from (Right("topic", name, "WRITE") for name in user.produces)
    yield from (Right("topic", name, "READ") for name in user.consumes)
    yield from (Right("group", name, "READ") for name in user.groups)


def workers(group: str) -> Iterator[Right]:
    """What Connect's workers need themselves: their group, and the topics they keep their state on."""
    yield Right("group", group, "READ")
    for kind in ("configs", "offsets", "status"):
        yield from topic(f"_connect-{kind}", "READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS")


def connector(name: str, config: Mapping[str, str]) -> Iterator[Right]:
    """What one connector needs: a sink reads its topics with a group of its own, a source writes them."""
    topics = [each.strip() for each in config.get("topics", config.get("topic", "")).split(",") if each.strip()]
    if is_sink(config):
        for each in topics:
            yield from topic(each, "READ")
        yield Right("group", f"connect-{name}", "READ")
        if dead := config.get("errors.deadletterqueue.topic.name"):
            yield from topic(dead, "WRITE")
    else:
        for each in topics:
            yield from topic(each, "WRITE")


def is_sink(config: Mapping[str, str]) -> bool:
    """Whether a connector reads Kafka: its class says so by its name, as all of Apache's do."""
    return "Sink" in config.get("connector.class", "").rpartition(".")[2]


def _filled(right: Right, topics: Sequence[str], names: Sequence[str]) -> Iterator[Right]:
    for placeholder, values in (("{topic}", topics), ("{declared}", names)):
        if placeholder in right.name:
            for value in values:
                yield Right(right.kind, right.name.replace(placeholder, value), right.operation, right.pattern)
            return
    yield right
