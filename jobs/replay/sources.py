"""What is sent: records in order, each with its partition and its number, from a generator or from a file."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol, cast
from zlib import crc32
from zlib import error as ZlibError  # noqa: N812 - an exception

from confluent_kafka import Message

from jobs.datasets import events
from jobs.datasets.nslkdd import FEATURES
from jobs.errors import UsageError

Numbered = tuple[int, dict[str, Any]]
ORIGIN = "origin"
COLUMNS = {"connections": (*FEATURES, "label")}
"""What the fields of a dataset's lines are called, where they are not JSON but have commas between."""

LOOK = 100
"""Lines among which the field of `--key` must be found once: whoever misspells it hears of it before all is sent."""


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
        key: The field of each line that becomes the record's key; without it records have no key and go to each
            partition in turn.
        count: How many lines are sent.
        columns: What the fields of a line are called; none if a line is a JSON object.
    """

    file: Path
    name: str
    key: str
    count: int
    columns: tuple[str, ...] = ()

    def records(self, partitions: int, done: Mapping[int, int]) -> Iterator[Numbered]:
        """What is still to be sent, in order."""
        with opened(self.file) as lines:
            for number, line in enumerate(islice(lines, self.count)):
                value = line.rstrip(b"\r\n")
                key = self.key_of(value)
                partition = number % partitions if key is None else crc32(key) % partitions
                if number > done.get(partition, -1):
                    headers = [(ORIGIN, f"{self.name}/{number}".encode())]
                    yield number, {"value": value, "key": key, "partition": partition, "headers": headers}

    def number(self, record: Message) -> int | None:
        """The number of a line, which its header says."""
        found = origin(record)
        return int(found.rpartition("/")[2]) if found.startswith(f"{self.name}/") else None

    def key_of(self, value: bytes) -> bytes | None:
        """What a line has in that field; a line that has it not has no key, and silver will say so."""
        if not self.key:
            return None
        if self.columns:
            place = self.columns.index(self.key)
            return (value.split(b",", place + 1)[place : place + 1] or [None])[0]
        try:
            found = json.loads(value)[self.key]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return found.encode() if isinstance(found, str) else json.dumps(found).encode()


def lines(file: Path, key: str, most: int, dataset: str = "") -> Lines:
    """A file as a source, compressed by gzip or not: all of its lines, or the first `most` when that is not negative.

    Args:
        file: One event a line.
        key: The field that becomes the record's key.
        most: How many lines.
        dataset: Whose lines they are: some are not JSON.

    Raises:
        UsageError: It cannot be read, or its lines have no such field.
    """
    columns = COLUMNS.get(dataset, ())
    if key and columns and key not in columns:
        raise UsageError(f"--key={key}: lines of {dataset} have no such field", hint=f"one of {', '.join(columns)}")
    digest, count, last = sha256(), 0, b"\n"
    try:
        with opened(file) as read:
            while block := read.read(1 << 20):
                digest.update(block)
                count, last = count + block.count(b"\n"), block[-1:]
        count += last != b"\n"
        found = Lines(file, digest.hexdigest()[:32], key, count if most < 0 else min(most, count), columns)
        with opened(file) as read:
            if key and count and not any(found.key_of(line.rstrip(b"\r\n")) for line in islice(read, LOOK)):
                kind = "has such a field" if columns else "is a JSON object with such a field"
                raise UsageError(
                    f"--key={key}: none of the first {LOOK} lines of {file} {kind}",
                    hint="leave --key out; --dataset=connections if the lines have commas between fields",
                )
    except (OSError, EOFError, ZlibError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise UsageError(f"{file}: {why or error}", hint="--file=PATH, one event a line, as it is or .gz") from error
    return found


def opened(file: Path) -> IO[bytes]:
    """A file to read, out of gzip if its name ends in .gz."""
    return cast(IO[bytes], gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")


def origin(record: Message) -> str:
    """The header that says where a replayed record is from; empty if it has none."""
    found = dict(record.headers() or []).get(ORIGIN)
    return found.decode(errors="replace") if isinstance(found, bytes) else ""
