"""Topics as a reader sees them: their ids, offsets and records."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import difflib
from collections.abc import Generator, Mapping
from datetime import datetime
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicDescription

from jobs.errors import JobError
from jobs.kafka.client import REQUEST, admin, answer, consumer, failed, reason


def watermarks(topic: str, *, client: AdminClient | None = None, committed: bool = True) -> dict[int, tuple[int, int]]:
    """The first offset and the end offset (exclusive) of each partition.

    Args:
        topic: The topic.
        client: An admin client.
        committed: The end as `read_committed` sees it: not beyond the first open transaction.

    Raises:
        JobError: There is no such topic, or the cluster cannot be reached.
    """
    client = admin() if client is None else client
    partitions = [TopicPartition(topic, each.id) for each in describe(topic, client=client).partitions]
    earliest, latest = (
        _list(client, dict.fromkeys(partitions, spec), committed=committed)
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
    )
    asking = f"ask for the offsets of {topic}"
    return {
        each.partition: (answer(earliest[each], asking).offset, answer(latest[each], asking).offset)
        for each in partitions
    }


def offsets_at(topic: str, at: datetime, *, client: AdminClient | None = None) -> dict[int, int]:
    """The offset of the first record at or after a moment, by partition; the end of those that have none yet.

    Raises:
        JobError: There is no such topic, or the cluster cannot be reached.
    """
    client = admin() if client is None else client
    partitions = [TopicPartition(topic, each.id) for each in describe(topic, client=client).partitions]
    milliseconds = max(0, int(at.timestamp() * 1000))
    found = _list(client, dict.fromkeys(partitions, OffsetSpec.for_timestamp(milliseconds)))
    ends = _list(client, dict.fromkeys(partitions, OffsetSpec.latest()))
    asking = f"ask for the offsets of {topic} at {at:%Y-%m-%dT%H:%M:%SZ}"
    offsets = {each.partition: answer(found[each], asking).offset for each in partitions}
    return {
        each.partition: offsets[each.partition] if offsets[each.partition] >= 0 else answer(ends[each], asking).offset
        for each in partitions
    }


def topic_id(topic: str, *, client: AdminClient | None = None) -> str:
    """The id that the cluster gave the topic: a topic deleted and made again has another.

    Raises:
        JobError: There is no such topic, or the cluster cannot be reached.
    """
    return str(describe(topic, client=admin() if client is None else client).topic_id)


def describe(topic: str, *, client: AdminClient) -> TopicDescription:
    """One topic as the cluster sees it.

    Raises:
        JobError: There is no such topic; the names most like it are listed.
    """
    future = client.describe_topics(TopicCollection([topic]), request_timeout=REQUEST)[topic]
    try:
        return future.result()
    except KafkaException as error:
        if reason(error).code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise failed(f"describe topic {topic}", error) from error
        known = client.list_topics(timeout=REQUEST).topics
        near = difflib.get_close_matches(topic, known, n=3)
        also = f"; near it: {', '.join(near)}" if near else ""
        raise JobError(f"there is no topic {topic}{also}", hint="headrace topics apply") from error


def records(topic: str, start: Mapping[int, int] | None = None) -> Generator[Message, None, None]:
    """Every committed record of a topic from its first offset to its end as it is now.

    Args:
        topic: The topic.
        start: The offset at which to begin, by partition; the first one of those that it does not name.

    Raises:
        JobError: There is no such topic, or a partition cannot be read.
    """
    begin = start or {}
    todo = {each: end for each, (first, end) in watermarks(topic).items() if max(first, begin.get(each, 0)) < end}
    if not todo:
        return
    reader = consumer(enable_partition_eof=True, auto_offset_reset="earliest")
    reader.assign([TopicPartition(topic, each, begin.get(each, OFFSET_BEGINNING)) for each in todo])
    try:
        while todo:
            for record in reader.consume(500, 0.2):
                error, partition = record.error(), record.partition()
                if error and error.name() == "_PARTITION_EOF":
                    todo.pop(partition or 0, None)
                elif error:
                    raise failed(f"read {topic}", KafkaException(error))
                elif partition in todo:
                    yield record
    finally:
        reader.close()


def _list(
    client: AdminClient, wanted: dict[TopicPartition, Any], *, committed: bool = True
) -> dict[TopicPartition, Any]:
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    return client.list_offsets(wanted, isolation_level=level, request_timeout=REQUEST)
