"""The end of a topic: how far an earlier try of the same replay came, partition by partition."""
# confluent-kafka exports names without saying so:
# pyright: reportPrivateImportUsage=false

from collections.abc import Callable, Iterator

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from jobs import kafka

STEP = 1_000
"""Offsets of the first look back; each further look is four times as long."""


def last(topic: str, number: Callable[[Message], int | None]) -> dict[int, int]:
    """The number of the last record of a replay in each partition; partitions that have none are left out.

    A replay that has never been on the topic is looked for in all of it, about a million records a second.

    Args:
        topic: Where it was sent.
        number: The number of a record, or None if it is not one of the replay.
    """
    # Also what a transaction has not committed yet: it is there, and sending it again would double it.
    reader = kafka.consumer(enable_partition_eof=True, isolation_level="read_uncommitted")
    try:
        found: dict[int, int] = {}
        for partition in kafka.watermarks(topic):
            if (at := _last(reader, TopicPartition(topic, partition), number)) is not None:
                found[partition] = at
        return found
    finally:
        reader.close()


def _last(reader: Consumer, where: TopicPartition, number: Callable[[Message], int | None]) -> int | None:
    first, end = reader.get_watermark_offsets(where, kafka.REQUEST)
    step = STEP
    while end > first:
        begin = max(first, end - step)
        numbers = [at for record in _read(reader, where, begin, end) if (at := number(record)) is not None]
        if numbers:
            return numbers[-1]
        end, step = begin, step * 4
    return None


def _read(reader: Consumer, where: TopicPartition, begin: int, end: int) -> Iterator[Message]:
    reader.assign([TopicPartition(where.topic, where.partition, begin)])
    while True:
        for record in reader.consume(10_000, 0.2):
            error = record.error()
            if error and error.name() == "_PARTITION_EOF":
                return
            if error:
                raise kafka.failed(f"read {where.topic}", KafkaException(error))
            if (record.offset() or 0) >= end:
                return
            yield record
