"""The end of a topic: how far an earlier try of the same replay came."""

from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, Message, TopicPartition

from jobs import kafka
from jobs.replay.reading import span

STEP = 1_000
"""Offsets of the first look back; each further look is four times as long."""

Mark = tuple[int, int]
"""Which of the ordered sequences that a replay consists of a record belongs to, and its number there."""


def last(topic: str, mark: Callable[[Message], Mark | None], lanes: Mapping[int, set[int]]) -> dict[int, int]:
    """The number of the last record of each sequence of a replay; those of which there is none are left out.

    What has never been on the topic is looked for in all of it, about a million records a second.

    Args:
        topic: Where it was sent.
        mark: Sequence and number of a record, or None if it is not one of the replay.
        lanes: Which sequences are sent to each partition.
    """
    # Also what a transaction has not committed yet: it is there, and sending it again would double it.
    reader = kafka.consumer(enable_partition_eof=True, isolation_level="read_uncommitted")
    try:
        found: dict[int, int] = {}
        for partition, wanted in lanes.items():
            if wanted:
                found |= _last(reader, TopicPartition(topic, partition), mark, wanted)
        return found
    finally:
        reader.close()


def _last(
    reader: Consumer, where: TopicPartition, mark: Callable[[Message], Mark | None], wanted: set[int]
) -> dict[int, int]:
    first, end = reader.get_watermark_offsets(where, kafka.REQUEST)
    step, found = STEP, dict[int, int]()
    while end > first and found.keys() < wanted:
        begin = max(first, end - step)
        here = dict(marked for record in span(reader, where, begin, end) if (marked := mark(record)) is not None)
        found = here | found
        end, step = begin, step * 4
    return found
