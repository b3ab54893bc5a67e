"""Records of a topic, from Kafka or from its bronze table, as messages of a queue."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so; pyspark its rows:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, TopicPartition

from jobs import kafka
from jobs.sqs.large import Store
from jobs.sqs.message import Message, fault, group_of, name_of, size_of
from jobs.sqs.progress import State
from jobs.sqs.queue import Queue

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CHUNK, BYTES = 500, 4 * 1024 * 1024
"""The most messages, and about how many bytes, are handed on at once."""

Headers = tuple[tuple[str, bytes | None], ...]
Record = tuple[int, int, bytes | None, bytes | None, Headers, int]
"""Partition, offset, key, value, headers, time in epoch milliseconds."""


@dataclass(frozen=True)
class Maker:
    """Makes messages of records.

    Args:
        queue: The queue they are for.
        topic: The topic they are from.
        content_type: What a record is that does not say it in its header `content-type`.
        store: Where a message goes that is too large for the queue.
    """

    queue: Queue
    topic: str
    content_type: str
    store: Store

    def message(self, record: Record) -> Message:
        """The message of one record; one that the queue would never take says so."""
        partition, offset, key, value, headers, time = record
        origin = f"{self.topic}/{partition}/{offset}"
        message = Message(origin, value, partition=partition, offset=offset, key=key, headers=headers, timestamp=time)
        if value is None:
            message.refused = "MissingParameter: the record has no value"
            return message
        try:
            body = value.decode()
        except UnicodeDecodeError as error:
            message.refused = f"InvalidMessageContents: not UTF-8 at {error.start}"
            return message
        group = group_of(key, self.topic, partition) if self.queue.fifo else ""
        id = name_of(self.topic, partition, offset) if self.queue.fifo else ""
        return fill(message, body, _kind(headers) or self.content_type, self.queue, self.store, group=group, id=id)


def fill(
    message: Message, body: str, content_type: str, queue: Queue, store: Store, *, group: str = "", id: str = ""
) -> Message:
    """The message with what SendMessageBatch is given: body, attributes, group and deduplication id."""
    message.refused = fault(body)
    attributes = {
        "origin": {"DataType": "String", "StringValue": message.origin},
        "content-type": {"DataType": "String", "StringValue": content_type},
    }
    message.size = size_of(body, attributes)
    if message.size > queue.limit and not message.refused:
        if not store.bucket:
            message.refused = f"MessageTooLong: {message.size} bytes, the queue takes {queue.limit}"
        else:
            body, attributes = store.keep(message.origin, body, attributes)
            message.size = size_of(body, attributes)
    message.entry = {"MessageBody": body, "MessageAttributes": attributes}
    if group:
        message.group = message.entry["MessageGroupId"] = group
        message.entry["MessageDeduplicationId"] = id
    return message


def chunks(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """The messages, some at a time."""
    chunk: list[Message] = []
    size = 0
    for message in messages:
        chunk.append(message)
        size += message.size
        if len(chunk) == CHUNK or size > BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def todo(records: Iterable[Record], state: State) -> Iterator[Record]:
    """The records without those that the queue has already."""
    done = {
        (number, offset)
        for number, part in state.parts.items()
        for first, end in part.done
        for offset in range(first, end)
    }
    return (each for each in records if (each[0], each[1]) not in done) if done else iter(records)


def of_topic(topic: str, windows: dict[int, tuple[int, int]]) -> Generator[Record, None, None]:
    """The committed records of a topic's windows (first offset and end), each partition in order.

    Raises:
        JobError: A partition cannot be read.
    """
    left = {partition: end for partition, (first, end) in windows.items() if first < end}
    reader = kafka.consumer(enable_partition_eof=True, queued_max_messages_kbytes=16384)
    reader.assign([TopicPartition(topic, each, windows[each][0]) for each in left])
    try:
        while left:
            for record in reader.consume(500, 0.1):
                error, partition, offset = record.error(), record.partition() or 0, record.offset() or 0
                if error and error.name() != "_PARTITION_EOF":
                    raise kafka.failed(f"read {topic}", KafkaException(error))
                if partition in left and not error and offset < left[partition]:
                    headers: Any = tuple(record.headers() or ())
                    yield partition, offset, record.key(), record.value(), headers, record.timestamp()[1]
                if partition in left and (error or offset + 1 >= left[partition]):
                    del left[partition]
                    reader.pause([TopicPartition(topic, partition)])
    finally:
        reader.close()


def of_bronze(rows: "DataFrame", windows: dict[int, tuple[int, int]]) -> Generator[Record, None, None]:
    """The same records as a bronze table has them."""
    from pyspark.sql import functions as F  # noqa: N812, PLC0415 - a topic needs no Spark

    wanted = F.lit(False)
    for partition, (first, end) in windows.items():
        wanted = wanted | ((F.col("partition") == partition) & (F.col("offset") >= first) & (F.col("offset") < end))
    time = F.expr("unix_millis(timestamp)").alias("time")
    chosen = rows.where(wanted).orderBy("partition", "offset")
    found = chosen.select("partition", "offset", "key", "value", "headers", time).toLocalIterator()
    for partition, offset, key, value, headers, at in found:
        pairs = tuple((each["key"], _bytes(each["value"])) for each in headers or ())
        yield partition, offset, _bytes(key), _bytes(value), pairs, at


def _kind(headers: Headers) -> str:
    """What a record says that it is."""
    for name, value in headers:
        if name.lower() == "content-type" and value:
            return value.decode(errors="replace")
    return ""


def _bytes(value: bytes | bytearray | None) -> bytes | None:
    return None if value is None else bytes(value)
