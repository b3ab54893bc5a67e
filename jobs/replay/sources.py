"""What is sent: records in order, each with its partition and its number, from a generator or from a file."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from confluent_kafka import Message

from jobs.datasets import events
from jobs.errors import UsageError

Numbered = tuple[int, dict[str, Any]]
ORIGIN = "origin"


class Source(Protocol):
    """Records with numbers from 0 on; a record's number and partition are always the same."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def records(self, partitions: int, done: Mapping[int, int]) -> Iterator[Numbered]:
        """What is still to be sent, in order.

        Args:
            partitions: How many the topic has.
            done: The number of the last record that each partition has of this source.
        """
        ...

    def number(self, record: Message) -> int | None:
        """The number of a record; None if it is not of this source."""
        ...


@dataclass(frozen=True)
class Generated:
    """Events of a dataset's generator.

    Args:
        generator: The dataset's.
        seed: Which events.
        count: How many.
    """

    generator: events.Generator
    seed: int
    count: int

    def records(self, partitions: int, done: Mapping[int, int]) -> Iterator[Numbered]:
        """What is still to be sent, in order; an event's partition follows from its key, as librdkafka has it."""
        first = min((done.get(each, -1) for each in range(partitions)), default=-1) + 1
        for number, (key, value) in enumerate(self.generator.events(self.seed, range(first, self.count)), first):
            partition = crc32(key) % partitions
            if number > done.get(partition, -1):
                yield number, {"value": value, "key": key, "partition": partition}

    def number(self, record: Message) -> int | None:
        """The number of an event, which its id says."""
        return self.generator.number(record.key(), record.value(), self.seed)


@dataclass(frozen=True)
class Lines:
    """The lines of a file; their header `origin` says the file's hash and the line.

    Args:
        file: One event a line.
        name: The first half of the file's SHA-256: another file is another source.
        key: The field of each line's JSON object that becomes the record's key; without it records have no key and go
            to each partition in turn.
        count: How many lines are sent.
    """

    file: Path
    name: str
    key: str
    count: int

    def records(self, partitions: int, done: Mapping[int, int]) -> Iterator[Numbered]:
        """What is still to be sent, in order."""
        with self.file.open("rb") as lines:
            for number, line in enumerate(islice(lines, self.count)):
                value = line.rstrip(b"\r\n")
                key = self._key(value)
                partition = number % partitions if key is None else crc32(key) % partitions
                if number > done.get(partition, -1):
                    headers = [(ORIGIN, f"{self.name}/{number}".encode())]
                    yield number, {"value": value, "key": key, "partition": partition, "headers": headers}

    def number(self, record: Message) -> int | None:
        """The number of a line, which its header says."""
        found = origin(record)
        return int(found.rpartition("/")[2]) if found.startswith(f"{self.name}/") else None

    def _key(self, value: bytes) -> bytes | None:
        """What the line has in that field; a line that is no such object has no key, and silver will say so."""
        if not self.key:
            return None
        try:
            found = json.loads(value)[self.key]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return found.encode() if isinstance(found, str) else json.dumps(found).encode()


def lines(file: Path, key: str, most: int) -> Lines:
    """A file as a source: all of its lines, or the first `most` when that is not negative.

    Raises:
        UsageError: It cannot be read.
    """
    digest, count, last = sha256(), 0, b"\n"
    try:
        with file.open("rb") as read:
            while block := read.read(1 << 20):
                digest.update(block)
                count, last = count + block.count(b"\n"), block[-1:]
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", hint="--file=PATH, one event a line") from error
    count += last != b"\n"
    return Lines(file, digest.hexdigest()[:32], key, count if most < 0 else min(most, count))


def origin(record: Message) -> str:
    """The header that says where a replayed record is from; empty if it has none."""
    found = dict(record.headers() or []).get(ORIGIN)
    return found.decode(errors="replace") if isinstance(found, bytes) else ""
