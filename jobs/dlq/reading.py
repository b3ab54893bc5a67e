"""Letters by where they are on their topic."""
# confluent-kafka types what it gives as Unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import time
from collections.abc import Generator, Iterable
from itertools import groupby

from confluent_kafka import Consumer, KafkaException, TopicPartition

from jobs import kafka
from jobs.dlq.index import Spot, read
from jobs.dlq.letter import DeadLetter, Mark


def letters(topic: str, spots: Iterable[Spot]) -> Generator[tuple[Spot, DeadLetter], None, None]:
    """The letters at these places, which are in order; a stretch that nobody asked for is passed over.

    Raises:
        JobError: They cannot be read.
    """
    reader = kafka.consumer(queued_max_messages_kbytes=16_384)
    try:
        for partition, wanted in groupby(spots, key=lambda spot: spot.partition):
            next_one = -1
            for spot in wanted:
                if next_one < 0 or not next_one <= spot.offset <= next_one + FAR:
                    reader.assign([TopicPartition(topic, partition, spot.offset)])
                next_one, found = _read(reader, topic, spot)
                if found is not None:
                    yield spot, found
    finally:
        reader.close()


FAR = 1_000  # offsets: to read on is faster than to begin elsewhere


def _read(reader: Consumer, topic: str, spot: Spot) -> tuple[int, DeadLetter | None]:
    """The next offset, and the letter at a place; None if compaction or retention took it meanwhile."""
    until = time.monotonic() + kafka.REQUEST
    while time.monotonic() < until:
        record = reader.poll(0.5)
        if record is None:
            continue
        if error := record.error():
            if error.name() == "_AUTO_OFFSET_RESET":
                return -1, None
            raise kafka.failed(f"read {topic}", KafkaException(error))
        offset = record.offset() or 0
        if offset >= spot.offset:
            found = read(record) if offset == spot.offset else None
            return offset + 1, None if isinstance(found, Mark) else found
    return -1, None
