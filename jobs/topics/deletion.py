"""Topics that go, and come back: what is lost is shown before, and what can be kept is kept."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from jobs import kafka
from jobs.errors import JobError, UsageError
from jobs.kafka.groups import Group, reading
from jobs.kafka.wire import wire
from jobs.plans import Setting
from jobs.topics import actual, throttle
from jobs.topics.changes import Actual, Change, Plan
from jobs.topics.declared import Topic
from jobs.topics.snapshots import Snapshot, name

SETTLE = 30
"""How long a cluster may take to show that a topic is gone, in seconds."""


@dataclass(frozen=True)
class Doomed:
    """A topic that is to go, and what goes with it.

    Args:
        topic: Its name.
        partitions: How many.
        records: How many, at most: offsets from first to end.
        bytes: How many, of all replicas.
        newest: When its newest record is from, in UTC; empty when it holds none.
        groups: Who reads it.
        snapshot: What `topics restore` calls it, once it is deleted.
    """

    topic: str
    partitions: int
    records: int
    bytes: int
    newest: str
    groups: list[str]
    snapshot: str = ""


def refusals(wanted: list[str], there: Mapping[str, Actual], declared: Mapping[str, Topic]) -> list[str]:
    """Why topics may not be deleted. Pure."""
    why: list[str] = []
    for topic in wanted:
        if topic.startswith(("_", "headrace.")):
            why.append(f"{topic} is internal: Kafka, Connect or headrace itself needs it")
        elif any(letter in topic for letter in "*?["):
            why.append(f"{topic} is a pattern: topics are deleted by name")
        elif topic in declared and declared[topic].protected:
            why.append(f"{topic} is protected: set protected: false in the file first")
        elif topic not in there:
            why.append(f"there is no topic {topic}")
    return why


def look(client: AdminClient, there: Mapping[str, Actual]) -> tuple[list[Doomed], list[Snapshot]]:
    """What goes with each topic, and what is kept of it."""
    cluster, _ = actual.cluster(client)
    groups = reading(client, there)
    with wire() as wired:
        sizes = throttle.sizes(wired, there)
    doomed: list[Doomed] = []
    kept: list[Snapshot] = []
    for topic, found in there.items():
        offsets = kafka.watermarks(topic, client=client)
        readers = groups.get(topic, [])
        kept.append(_snapshot(cluster, topic, found, offsets, readers))
        doomed.append(
            Doomed(
                topic=topic,
                partitions=found.partitions,
                records=sum(end - first for first, end in offsets.values()),
                bytes=sum(size for at, size in sizes.items() if at[0] == topic),
                newest=_newest(client, topic, found.partitions),
                groups=[str(each) for each in readers],
                snapshot=kept[-1].id,
            )
        )
    return doomed, kept


def remove(client: AdminClient, topics: list[str]) -> None:
    """Delete topics and wait until they are gone.

    Raises:
        JobError: The cluster refuses it, or still shows one.
    """
    for topic, future in client.delete_topics(topics, request_timeout=kafka.REQUEST).items():
        kafka.answer(future, f"delete topic {topic}")
    until = monotonic() + SETTLE
    while left := [topic for topic in topics if topic in client.list_topics(timeout=kafka.REQUEST).topics]:
        if monotonic() > until:
            raise JobError(f"{', '.join(left)} can still be seen after {SETTLE} s", hint="headrace cluster check")
        sleep(0.1)


def again(client: AdminClient, kept: Snapshot) -> Plan:
    """What it takes to make a topic as it was.

    Raises:
        UsageError: There is such a topic.
    """
    if actual.read(client, [kept.topic]):
        raise UsageError(f"there is a topic {kept.topic}: it is left as it is", hint="headrace topics plan")
    shape = {"partitions": str(kept.partitions), "replication_factor": str(kept.replication_factor)}
    settings = tuple(Setting(name=key, before=None, after=value) for key, value in (shape | kept.configs).items())
    change = Change(topic=kept.topic, action="create", settings=settings)
    return Plan(file=kept.id, declared=1, changes=(change,))


def resume(client: AdminClient, kept: Snapshot) -> list[str]:
    """Let the groups go on: at the first record of the topic made anew, since those before it are gone.

    Raises:
        JobError: A group has members, so its offsets can't be set.
    """
    refused: list[str] = []
    for group, offsets in kept.groups.items():
        at = [TopicPartition(kept.topic, partition, 0) for partition in offsets]
        futures = client.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, at)], request_timeout=kafka.REQUEST
        )
        try:
            kafka.answer(futures[group], f"set the offsets of group {group}")
        except JobError as error:
            refused.append(str(error))
    if refused:
        raise JobError(
            f"topic {kept.topic} is there again, but: {'; '.join(refused)}",
            hint="stop the members of the group: with none in it, it begins where auto.offset.reset says",
        )
    return list(kept.groups)


def _snapshot(
    cluster: str, topic: str, found: Actual, offsets: dict[int, tuple[int, int]], groups: list[Group]
) -> Snapshot:
    return Snapshot(
        id=name(topic),
        cluster=cluster,
        topic=topic,
        topic_id=found.id,
        taken=datetime.now(UTC).isoformat(timespec="seconds"),
        partitions=found.partitions,
        replication_factor=min(found.factors),
        configs=dict(found.configs),
        offsets=offsets,
        groups={each.name: each.offsets for each in groups},
    )


def _newest(client: AdminClient, topic: str, partitions: int) -> str:
    newest: Any = OffsetSpec.max_timestamp()
    wanted = {TopicPartition(topic, number): newest for number in range(partitions)}
    futures = client.list_offsets(wanted, request_timeout=kafka.REQUEST).values()
    last = max(int(kafka.answer(future, f"ask for the newest record of {topic}").timestamp) for future in futures)
    return "" if last < 0 else datetime.fromtimestamp(last / 1000, UTC).isoformat(timespec="seconds")
