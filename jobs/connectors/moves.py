"""Where a connector would go on, and how many records that replays or skips: pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from rich.markup import escape

from jobs.errors import UsageError

Action = Literal["list", "alter", "reset"]
Partition = tuple[str, int]
HINT = "--to earliest, latest, 17, 2026-01-31T12:00Z, 0:17,1:4, or for a source a JSON object"


@dataclass(frozen=True)
class Step:
    """One partition of what a connector reads.

    Args:
        partition: topic-partition of a sink, or what a source's plugin calls it.
        now: Where it goes on: an offset, or a source's own position; None if it has not read yet.
        then: Where it would go on.
        first: The first offset that the topic still has (sinks).
        end: The offset after the last (sinks).
        replayed: Offsets that would be read again.
        skipped: Offsets that would never be read.
    """

    partition: str
    now: Any
    then: Any = None
    first: int | None = None
    end: int | None = None
    replayed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Move:
    """What `connectors offsets` shows and does.

    Args:
        connector: Its name.
        kind: source or sink.
        action: list, alter or reset.
        state: What the connector is told to do, before and after.
        partitions: Each with where it is and where it would be.
        replayed: Offsets that would be read again, at most as many records.
        skipped: Offsets that would never be read, at most as many records.
        note: What cannot be counted, and why.
        applied: Whether it was done.
    """

    connector: str
    kind: str
    action: Action
    state: str
    partitions: tuple[Step, ...]
    replayed: int
    skipped: int
    note: str = ""
    applied: bool = False

    @property
    def summary(self) -> str:
        """What it comes to."""
        if self.action == "list":
            lag = sum((each.end or 0) - each.now for each in self.partitions if isinstance(each.now, int))
            return f"{self.connector}: {len(self.partitions)} partitions" + (
                f", {lag:,} records behind" if self.kind == "sink" else ""
            )
        did = ("replays", "skips") if self.applied else ("would replay", "skip")
        counted = f"{did[0]} {self.replayed:,} and {did[1]} {self.skipped:,} records" if self.kind == "sink" else ""
        return f"{self.action} {self.connector}: {counted or self.note}"

    def text(self) -> str:
        """One line a partition, then what it comes to."""
        lines = [
            f"{each.partition}: {_shown(each.now)}"
            + ("" if self.action == "list" else f" -> {_shown(each.then)}")
            + ("" if each.end is None else f"  (topic: {each.first} to {each.end})")
            for each in self.partitions
        ]
        return escape("\n".join([*lines, self.summary]))


def sink(
    now: Mapping[Partition, int | None],
    bounds: Mapping[Partition, tuple[int, int]],
    targets: Mapping[Partition, int | None],
) -> tuple[Step, ...]:
    """Every partition of a sink.

    Args:
        now: The offset that it goes on at; None if it never committed, which means the first.
        bounds: The first offset that is still there and the end, by partition.
        targets: Where it would go on; None to leave it.

    Raises:
        UsageError: A target is outside of what the topic has.
    """
    steps: list[Step] = []
    for partition, (first, end) in sorted(bounds.items()):
        name, here, there = f"{partition[0]}-{partition[1]}", now.get(partition), targets.get(partition)
        if there is None:
            steps.append(Step(name, here, here, first, end))
            continue
        if not first <= there <= end:
            raise UsageError(f"{name} has the offsets {first} to {end}, and {there} is none of them", hint=HINT)
        began = min(max(first if here is None else here, first), end)  # what has expired cannot be skipped either
        steps.append(Step(name, here, there, first, end, max(0, began - there), max(0, there - began)))
    return tuple(steps)


@dataclass(frozen=True)
class To:
    """What `--to` says: one of these."""

    edge: Literal["earliest", "latest", ""] = ""
    offset: int | None = None
    time: datetime | None = None
    each: Mapping[str, int] | None = None
    position: dict[str, Any] | None = None


def parse(to: str) -> To:
    """Read `--to`.

    Raises:
        UsageError: It is nothing that is known.
    """
    text = to.strip()
    if text in ("earliest", "latest"):
        return To(edge=text)
    if re.fullmatch(r"\d+", text):
        return To(offset=int(text))
    if re.fullmatch(r"([\w.-]+:\d+)(,[\w.-]+:\d+)*", text) and not re.match(r"\d{4}-\d\d-\d\d[T ]", text):
        return To(each={name: int(offset) for name, _, offset in (each.rpartition(":") for each in text.split(","))})
    try:
        if text.startswith("{"):
            return To(position=json.loads(text))
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{to!r} is no place to go on at", hint=HINT) from error
    return To(time=time if time.tzinfo else time.replace(tzinfo=UTC))


def named(each: Mapping[str, int], partitions: Sequence[Partition]) -> dict[Partition, int]:
    """The offsets that were given by partition: `0`, or `topic-0` where a sink reads several topics.

    Raises:
        UsageError: There is no such partition, or the number alone fits several.
    """
    found: dict[Partition, int] = {}
    for name, offset in each.items():
        fits = [one for one in partitions if name in (f"{one[0]}-{one[1]}", str(one[1]))]
        if len(fits) != 1:
            there = ", ".join(f"{topic}-{number}" for topic, number in partitions)
            raise UsageError(f"{name} is {'several' if fits else 'none'} of its partitions: {there}", hint=HINT)
        found[fits[0]] = offset
    return found


def _shown(place: Any) -> str:
    return "(the beginning)" if place is None else place if isinstance(place, str) else json.dumps(place)
