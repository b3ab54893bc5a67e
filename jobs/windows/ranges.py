"""Windows as values: written, cut, subtracted and compared. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from jobs.errors import UsageError

Bounds = Mapping[int, tuple[int, int]]
"""The first offset that a topic still holds and the end (exclusive), by partition."""

RANGE = re.compile(r"(\d+):(\d*)-(\d*)")


@dataclass(frozen=True, order=True)
class Window:
    """The offsets from `first` up to but not including `end` of one partition."""

    topic: str
    partition: int
    first: int
    end: int

    @property
    def offsets(self) -> int:
        """How many offsets it spans; holes (compaction, transaction marks) count too."""
        return self.end - self.first


def since(topic: str, done: Mapping[int, int], available: Bounds) -> list[Window]:
    """What has not been taken yet, by partition; empty windows are left out.

    Args:
        topic: The topic.
        done: The offset to go on from, by partition; a new partition starts at 0.
        available: The first offset that is still there and the end, by partition.
    """
    windows = (
        Window(topic, partition, done.get(partition, 0), end) for partition, (_, end) in sorted(available.items())
    )
    return [window for window in windows if window.offsets > 0]


def expired(windows: Iterable[Window], available: Bounds) -> dict[int, int]:
    """How many offsets of the windows the topic no longer holds, by partition."""
    counts: dict[int, int] = {}
    for each in missing(windows, available):
        counts[each.partition] = counts.get(each.partition, 0) + each.offsets
    return counts


def missing(windows: Iterable[Window], available: Bounds) -> list[Window]:
    """The part of each window that the topic no longer holds."""
    gone = (
        Window(each.topic, each.partition, each.first, min(each.end, available[each.partition][0])) for each in windows
    )
    return [window for window in gone if window.offsets > 0]


def clip(windows: Iterable[Window], available: Bounds) -> list[Window]:
    """The same windows without what the topic no longer holds."""
    kept = (
        Window(each.topic, each.partition, max(each.first, available[each.partition][0]), each.end) for each in windows
    )
    return [window for window in kept if window.offsets > 0]


def overlaps_and_gaps(windows: Iterable[Window]) -> list[str]:
    """What keeps the windows of each partition from being one unbroken run of offsets."""
    problems: list[str] = []
    last: dict[int, Window] = {}
    for window in sorted(windows, key=lambda each: (each.partition, each.first)):
        before = last.get(window.partition)
        if before and window.first != before.end:
            kind = "overlap" if window.first < before.end else "gap"
            problems.append(
                f"{kind} in partition {window.partition}: "
                f"{before.first}..{before.end} is followed by {window.first}..{window.end}"
            )
        last[window.partition] = window
    return problems


def read(text: str, topic: str, available: Bounds) -> list[Window]:
    """Windows as people write them: `0:10-20,1:5-` is 10 to 19 of partition 0, and 5 to the end of partition 1.

    Args:
        text: Partition, first offset and end (exclusive); a side that is left out is the topic's own.
        topic: The topic.
        available: What it holds.

    Raises:
        UsageError: It is written in another way, names a partition twice, or one, or an offset, that is not there.
    """
    found: dict[int, Window] = {}
    for part in text.replace(" ", "").split(","):
        if not (given := RANGE.fullmatch(part)):
            raise UsageError(f"{part!r} are no offsets: write partition:first-end, as in 0:10-20,1:5-")
        number = int(given[1])
        if number not in available or number in found:
            why = "is there twice" if number in found else f"is not there: {topic} has {len(available)}"
            raise UsageError(f"partition {number} of {text} {why}")
        first, end = available[number]
        window = Window(topic, number, int(given[2] or first), int(given[3] or end))
        if window.end > end:
            raise UsageError(f"partition {number} of {topic} ends at {end}, not at {window.end}")
        if window.offsets < 0:
            raise UsageError(f"{part} ends before it begins")
        found[number] = window
    return [each for _, each in sorted(found.items()) if each.offsets]


def written(windows: Iterable[Window]) -> str:
    """The same in text: `0:10-20,1:5-9`."""
    return ",".join(f"{each.partition}:{each.first}-{each.end}" for each in windows)


def between(topic: str, first: Mapping[int, int], end: Mapping[int, int], available: Bounds) -> list[Window]:
    """What a topic got between two moments.

    Where the oldest record that is left is younger than the first moment, what was deleted before it may have been
    younger, too: the window then begins at 0, so that what is gone is counted, at most.

    Args:
        topic: The topic.
        first: The first offset at or after the one moment, by partition.
        end: The same for the other.
        available: What the topic holds.
    """
    windows = (
        Window(topic, each, 0 if first[each] == available[each][0] else first[each], end[each]) for each in sorted(end)
    )
    return [window for window in windows if window.offsets > 0]


def without(windows: Iterable[Window], taken: Iterable[Window]) -> list[Window]:
    """The windows without what others take of them: in order, and as few as can be."""
    others = sorted(taken, key=lambda each: (each.partition, each.first))
    left: list[Window] = []
    for window in windows:
        at = window.first
        for other in others:
            if other.partition == window.partition and other.end > at and other.first < window.end:
                if other.first > at:
                    left.append(Window(window.topic, window.partition, at, other.first))
                at = other.end
        if at < window.end:
            left.append(Window(window.topic, window.partition, at, window.end))
    return left


def ahead(topic: str, windows: Iterable[Window], done: Mapping[int, int]) -> list[Window]:
    """What lies between where each partition is done and the first of the windows beyond that.

    Args:
        topic: The topic.
        windows: What is taken now.
        done: The offset that each partition is done up to; 0 for those left out.
    """
    first: dict[int, int] = {}
    for each in windows:
        if each.first >= done.get(each.partition, 0):
            first[each.partition] = min(each.first, first.get(each.partition, each.first))
    jumped = (Window(topic, number, done.get(number, 0), offset) for number, offset in sorted(first.items()))
    return [window for window in jumped if window.offsets > 0]


def turns(windows: Iterable[Window]) -> list[list[Window]]:
    """The same in as few lists as there are windows of one partition, so that no list has two of one."""
    found: list[dict[tuple[str, int], Window]] = []
    for window in windows:
        at = (window.topic, window.partition)
        turn = next((each for each in found if at not in each), None)
        if turn is None:
            found.append(turn := {})
        turn[at] = window
    return [[*each.values()] for each in found]


def cut(windows: Sequence[Window], size: int) -> list[list[Window]]:
    """Batches of at most about `size` offsets, each with its share of every partition."""
    number = max(1, ceil(sum(each.offsets for each in windows) / size))
    batches = [
        [
            Window(each.topic, each.partition, each.first + each.offsets * nth // number, each.first + share)
            for each in windows
            if (share := each.offsets * (nth + 1) // number) > each.offsets * nth // number
        ]
        for nth in range(number)
    ]
    return [batch for batch in batches if batch]


def cut_at(windows: Sequence[Window], borders: Sequence[Mapping[int, int]]) -> list[list[Window]]:
    """Batches that end where the borders are, each an offset by partition; empty ones are left out.

    Times may go back within a partition; a border that lies before the one before it adds nothing.
    """
    at = {each.partition: each.first for each in windows}
    batches: list[list[Window]] = []
    for border in [*borders, {each.partition: each.end for each in windows}]:
        batch: list[Window] = []
        for each in windows:
            end = min(each.end, max(at[each.partition], border[each.partition]))
            batch.append(Window(each.topic, each.partition, at[each.partition], end))
            at[each.partition] = end
        batches.append([each for each in batch if each.offsets])
    return [batch for batch in batches if batch]


def of_expired(windows: Iterable[Window], available: Bounds, *, at_most: bool = False) -> list[str]:
    """What is gone, in words: `12,403 of 90,000 records of partition 3`.

    Args:
        windows: What was asked for.
        available: What the topic holds.
        at_most: The windows begin where nobody knows whether their records were asked for.
    """
    asked = [*windows]
    prefix = "up to " if at_most else ""
    return [
        f"{prefix}{lost:,} of {sum(each.offsets for each in asked if each.partition == number):,}"
        f" records of partition {number}"
        for number, lost in expired(asked, available).items()
    ]
