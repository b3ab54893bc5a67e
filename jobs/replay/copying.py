"""Records of one topic on their way to another: with their times, and with headers that say where they are from."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import merge
from itertools import chain, tee
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from jobs import kafka
from jobs.replay.pacing import Slot
from jobs.replay.reading import span
from jobs.replay.sources import ORIGIN
from jobs.replay.tail import Mark
from jobs.windows import Window

TIME, REPLAY = "origin-time", "replay"
OURS = {ORIGIN, TIME, REPLAY}


@dataclass(frozen=True)
class Copy:
    """A replay of windows of one topic. It is known by the topic's id and the offset at which each partition begins.

    Args:
        topic_id: The id of the source: a topic made again is another one.
        windows: At most one a partition.
    """

    topic_id: str
    windows: list[Window]

    def lanes(self, partitions: int) -> dict[int, set[int]]:
        """Which partitions of the source go to each partition of the target: the same one, if it has as many."""
        found: dict[int, set[int]] = {each: set() for each in range(partitions)}
        for window in self.windows:
            found[window.partition % partitions].add(window.partition)
        return found

    def mark(self, record: Message) -> Mark | None:
        """From which partition and offset a record of the target was copied; None if this replay did not."""
        headers = {name: value for name, value in record.headers() or [] if name in (ORIGIN, REPLAY)}
        origin, replay = (headers.get(name) for name in (ORIGIN, REPLAY))
        if not isinstance(origin, bytes) or not isinstance(replay, bytes):
            return None
        topic, partition, offset = origin.decode(errors="replace").rsplit("/", 2)
        window = next(
            (each for each in self.windows if f"{each.topic}/{each.partition}" == f"{topic}/{partition}"), None
        )
        if window is None or replay != self._id(window):
            return None
        return window.partition, int(offset)

    def rest(self, done: Mapping[int, int]) -> list[Window]:
        """What is left to copy after what the target has."""
        left = (
            Window(each.topic, each.partition, max(each.first, done.get(each.partition, -1) + 1), each.end)
            for each in self.windows
        )
        return [each for each in left if each.offsets > 0]

    def record(self, record: Message, partitions: int) -> dict[str, Any]:
        """A record as it is produced: key, value, headers and time as they are, and three headers of ours."""
        partition, time = record.partition() or 0, record.timestamp()[1]
        window = next(each for each in self.windows if each.partition == partition)
        own = {
            ORIGIN: f"{window.topic}/{partition}/{record.offset()}".encode(),
            TIME: str(time).encode(),
            REPLAY: self._id(window),
        }
        kept = [(name, value) for name, value in record.headers() or [] if name not in OURS]
        return {
            "value": record.value(),
            "key": record.key(),
            "partition": partition % partitions,
            "headers": [*kept, *own.items()],
            "timestamp": max(time, 0),
        }

    def _id(self, window: Window) -> bytes:
        return f"{self.topic_id}/{window.first}".encode()


def read(windows: list[Window], readers: ExitStack, *, by_time: bool) -> Iterator[Message]:
    """The committed records of the windows: in order of time, or one partition after the other.

    Args:
        windows: What to read.
        readers: Closes the consumers.
        by_time: Whether partitions are merged by time.
    """
    parts = [
        span(_reader(readers), TopicPartition(each.topic, each.partition), each.first, each.end) for each in windows
    ]
    return merge(*parts, key=lambda record: record.timestamp()[1]) if by_time else chain.from_iterable(parts)


def times(records: Iterator[Message], speed: float) -> tuple[Iterator[Message], Iterator[Slot]]:
    """The same records, and when each is due: as far from the first as it was, divided by the speed."""
    ahead, same = tee(records)

    def slots() -> Iterator[Slot]:
        first, due = None, 0.0
        for record in ahead:
            time = record.timestamp()[1] / 1000
            first = time if first is None else first
            due = max(due, (time - first) / speed)  # a clock that goes back holds nothing up
            yield due, 1

    return same, slots()


def _reader(readers: ExitStack) -> Consumer:
    reader = kafka.consumer(enable_partition_eof=True, queued_max_messages_kbytes=8192)
    readers.callback(reader.close)
    return reader
