"""The topics that exist: read, and made to change, in batches."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from jobs import kafka
from jobs.errors import JobError
from jobs.kafka.wire import wire
from jobs.topics.changes import THROTTLED, Actual, Change, Plan

SEEN_BEFORE = (
    KafkaError.TOPIC_ALREADY_EXISTS,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
"""What a cluster says when somebody else made the change first: the next look decides."""


CHUNK = 250
"""Topics whose settings are asked for in one question."""


def read(client: AdminClient, names: Collection[str], *, ids: bool = False) -> dict[str, Actual]:
    """Those of the named topics that exist, with their settings.

    Args:
        client: An admin client.
        names: The topics.
        ids: Also ask what the cluster calls each.

    Raises:
        JobError: The cluster does not answer.
    """
    try:
        there = client.list_topics(timeout=kafka.REQUEST).topics
    except KafkaException as error:
        raise kafka.failed("list the topics", error) from error
    found = [name for name in names if name in there]
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in found]
    answers = {  # several questions at once: the broker works on the next while this process reads an answer
        resource.name: future
        for first in range(0, len(resources), CHUNK)
        for resource, future in client.describe_configs(
            resources[first : first + CHUNK], request_timeout=kafka.REQUEST
        ).items()
    }
    entries = {name: _entries(name, future) for name, future in answers.items()}
    known = _ids(client, found) if ids and found else {}
    moving = _moving([name for name in found if _unsettled(there[name], entries[name] or {})])
    return {
        name: _actual(there[name], entries[name] or {}, moving.get(name, {}), known.get(name, ""))
        for name in found
        if entries[name] is not None  # else it was deleted between the two questions
    }


def cluster(client: AdminClient) -> tuple[str, dict[int, str]]:
    """The cluster's id, and its brokers with their racks.

    Raises:
        JobError: The cluster does not answer.
    """
    said = kafka.answer(client.describe_cluster(request_timeout=kafka.REQUEST), "describe the cluster")
    return str(said.cluster_id), {node.id: node.rack or "" for node in said.nodes}


def _actual(
    topic: TopicMetadata,
    entries: Mapping[str, ConfigEntry],
    moving: Mapping[int, tuple[tuple[int, ...], set[int]]],
    known_as: str,
) -> Actual:
    configs = {
        entry.name: entry.value or ""
        for entry in entries.values()
        if ConfigSource(entry.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG
    }
    return Actual(
        replicas=tuple(
            tuple(broker for broker in each.replicas if number not in moving or broker not in moving[number][1])
            for number, each in sorted(topic.partitions.items())
        ),
        configs=configs,
        effective={entry.name: entry.value or "" for entry in entries.values()},
        moving={number: target for number, (target, _) in moving.items()},
        id=known_as,
    )


def _unsettled(topic: TopicMetadata, entries: Mapping[str, ConfigEntry]) -> bool:
    """Whether replicas of the topic may be on their way: only then is it worth asking."""
    marked = any(name in entries and entries[name].value for name in THROTTLED)
    partitions = topic.partitions.values()
    return marked or any(set(each.replicas) != set(each.isrs) for each in partitions)


def _moving(topics: Collection[str]) -> dict[str, dict[int, tuple[tuple[int, ...], set[int]]]]:
    """For each partition on its way, where it shall be and which of these replicas are only being made."""
    if not topics:
        return {}
    found: dict[str, dict[int, tuple[tuple[int, ...], set[int]]]] = {}
    with wire() as client:
        for at, each in client.list_partition_reassignments().items():
            adding, removing = set(each["adding_replicas"]), set(each["removing_replicas"])
            target = tuple(broker for broker in each["replicas"] if broker not in removing)
            found.setdefault(at.topic, {})[at.partition] = (target, adding)
    return {name: found[name] for name in topics if name in found}


def _ids(client: AdminClient, names: Collection[str]) -> dict[str, str]:
    futures = client.describe_topics(TopicCollection(list(names)), request_timeout=kafka.REQUEST)
    return {name: str(kafka.answer(future, f"describe topic {name}").topic_id) for name, future in futures.items()}


def make(client: AdminClient, plan: Plan, *, validate_only: bool, go: Callable[[], None] | None = None) -> None:
    """Ask the cluster for every change of a plan but the moves, in one request a kind.

    Args:
        client: It must live until the answers are there.
        plan: What to do.
        validate_only: Let the cluster judge each change without making it.
        go: Called before each request; it raises when there must not be another.

    Raises:
        JobError: The cluster refused at least one; all of them are named.
    """
    refused = [
        f"{topic}: {error.str()}"
        for topic, error in _ask(client, plan.at_once().changes, validate_only=validate_only, go=go or (lambda: None))
        if error.code() not in SEEN_BEFORE
    ]
    if refused:
        raise JobError(
            f"the cluster refuses {len(refused)} of {len(plan.changes)} changes: {'; '.join(refused)}",
            hint="headrace topics plan",
            result=plan,
        )


def _ask(
    client: AdminClient, changes: Collection[Change], *, validate_only: bool, go: Callable[[], None]
) -> Iterator[tuple[str, KafkaError]]:
    options: dict[str, Any] = {"request_timeout": kafka.REQUEST, "validate_only": validate_only}
    new = [
        NewTopic(
            change.topic,
            num_partitions=change.shape("partitions") or -1,
            replication_factor=change.shape("replication_factor") or -1,
            config={each.name: each.after for each in change.configs if each.after is not None},
        )
        for change in changes
        if change.action == "create"
    ]
    grown = [
        NewPartitions(change.topic, count)
        for change in changes
        if change.action == "change" and (count := change.shape("partitions"))
    ]
    altered = [
        ConfigResource(
            ResourceType.TOPIC,
            change.topic,
            incremental_configs=[
                ConfigEntry(
                    each.name,
                    each.after,
                    incremental_operation=AlterConfigOpType.DELETE if each.after is None else AlterConfigOpType.SET,
                )
                for each in change.configs
            ],
        )
        for change in changes
        if change.action == "change" and change.configs
    ]
    futures: list[tuple[Any, Any]] = []
    for wanted, request in (
        (new, client.create_topics),
        (grown, client.create_partitions),
        (altered, client.incremental_alter_configs),
    ):
        if wanted:
            go()
            futures += request(wanted, **options).items()  # pyright: ignore[reportArgumentType]
    for asked, future in futures:
        if error := future.exception(timeout=kafka.REQUEST + kafka.PATIENCE):
            yield getattr(asked, "name", asked), kafka.reason(error)


def _entries(topic: str, future: Any) -> dict[str, ConfigEntry] | None:
    try:
        return future.result(timeout=kafka.REQUEST + kafka.PATIENCE)
    except KafkaException as error:
        if kafka.reason(error).code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise kafka.failed(f"read the settings of topic {topic}", error) from error
