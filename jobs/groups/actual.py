"""Groups as they are: I/O only, no decisions."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from jobs import kafka
from jobs.cluster.posture import retention
from jobs.errors import JobError
from jobs.groups.lag import Lag, Place, lag
from jobs.kafka import groups

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""How long to wait for the oldest unread records, in seconds."""

Key = tuple[str, int, int]
"""Topic, partition and offset."""


def lags(topic: str = "") -> list[Lag]:
    """How far every group is behind, in each topic of which it has committed offsets, or in one topic.

    Raises:
        JobError: The cluster cannot be reached, or does not answer.
    """
    client = kafka.admin()
    listed = client.list_topics(timeout=kafka.REQUEST).topics
    topics = {name: list(each.partitions) for name, each in listed.items() if topic in ("", name)}
    read = {name: found for name, found in groups.reading(client, topics).items() if found}
    bounds = _bounds(client, {name: topics[name] for name in read})
    places = {
        (name, each.name): [
            Place(number, offset, *bounds[name, number])
            for number, offset in sorted(each.offsets.items())
            if (name, number) in bounds
        ]
        for name, found in read.items()
        for each in found
    }
    unread = {
        (topic, each.partition, max(each.next, each.first))
        for (topic, _), mine in places.items()
        for each in mine
        if each.records
    }
    times, kept, now = _times(unread), _retention(client, list(read)), time.time()
    members = {(name, each.name): each.members for name, found in read.items() for each in found}
    return [
        lag(
            group,
            topic,
            members[topic, group],
            [replace(each, oldest=times.get((topic, each.partition, max(each.next, each.first)))) for each in mine],
            retention=kept[topic],
            now=now,
        )
        for (topic, group), mine in sorted(places.items())
        if mine
    ]


def place(group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Let a group be at these offsets of a topic, so that whoever looks at groups sees how far a batch has read.

    Raises:
        JobError: The group has members, or the cluster refuses.
    """
    places = [TopicPartition(topic, number, offset) for number, offset in sorted(offsets.items())]
    if not places:
        return
    client = kafka.admin()
    wanted = ConsumerGroupTopicPartitions(group, places)
    [done] = client.alter_consumer_group_offsets([wanted], request_timeout=kafka.REQUEST).values()
    for each in kafka.answer(done, f"move the group {group}").topic_partitions:
        if each.error:
            raise JobError(f"cannot move the group {group} in {topic}-{each.partition}: {each.error.str()}")


def _bounds(client: AdminClient, topics: Mapping[str, list[int]]) -> dict[tuple[str, int], tuple[int, int]]:
    """The first offset and the end of every partition."""
    wanted = [TopicPartition(topic, each) for topic, partitions in topics.items() for each in partitions]
    if not wanted:
        return {}

    def edge(spec: Any) -> dict[TopicPartition, int]:
        specs: dict[TopicPartition, Any] = dict.fromkeys(wanted, spec)
        asked = client.list_offsets(specs, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=kafka.REQUEST)
        return {each: kafka.answer(future, "ask for offsets").offset for each, future in asked.items()}

    first, end = edge(OffsetSpec.earliest()), edge(OffsetSpec.latest())
    return {(each.topic, each.partition): (first[each], end[each]) for each in wanted}


def _times(wanted: set[Key]) -> dict[Key, float]:
    """The time of the record at each offset, or of the next that is there, in epoch seconds.

    Groups of one topic mostly read near each other, so each partition is read once from each distinct offset.
    """
    found: dict[Key, float] = {}
    if not wanted:
        return found
    reader = kafka.consumer("headrace-groups", auto_offset_reset="earliest", enable_partition_eof=True)
    try:
        todo = sorted(wanted)
        while todo:  # a consumer can be at one place of a partition only
            turn = {(topic, number): (topic, number, offset) for topic, number, offset in reversed(todo)}
            todo = [each for each in todo if turn[each[:2]] != each]
            reader.assign([TopicPartition(*each) for each in turn.values()])
            give_up = time.monotonic() + PATIENCE
            while turn and time.monotonic() < give_up:
                for record in reader.consume(len(turn), 0.05):
                    topic, error = record.topic() or "", record.error()
                    if error and error.name() == "TOPIC_AUTHORIZATION_FAILED":
                        log.warning("how old what is unread in %s is, this user may not see", topic)
                        turn = {key: each for key, each in turn.items() if key[0] != topic}
                        todo = [each for each in todo if each[0] != topic]
                    elif (key := turn.pop((topic, record.partition() or 0), None)) and not error:
                        found[key] = record.timestamp()[1] / 1000
    finally:
        reader.close()
    return found


def _retention(client: AdminClient, topics: list[str]) -> dict[str, float]:
    resources = [ConfigResource(ResourceType.TOPIC, each) for each in topics]
    asked = client.describe_configs(resources, request_timeout=kafka.REQUEST) if resources else {}
    return {
        each.name: retention(
            {name: entry.value for name, entry in kafka.answer(future, f"read the settings of {each.name}").items()}
        )
        for each, future in asked.items()
    }
