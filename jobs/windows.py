"""Windows: the offsets that a batch takes from a partition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


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


def since(topic: str, done: Mapping[int, int], available: Mapping[int, tuple[int, int]]) -> list[Window]:
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


def expired(windows: Iterable[Window], available: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """How many offsets of each window the topic no longer holds, by partition."""
    lost = {window.partition: min(available[window.partition][0], window.end) - window.first for window in windows}
    return {partition: count for partition, count in lost.items() if count > 0}


def missing(windows: Iterable[Window], available: Mapping[int, tuple[int, int]]) -> list[Window]:
    """The part of each window that the topic no longer holds."""
    gone = (
        Window(each.topic, each.partition, each.first, min(each.end, available[each.partition][0])) for each in windows
    )
    return [window for window in gone if window.offsets > 0]


def clip(windows: Iterable[Window], available: Mapping[int, tuple[int, int]]) -> list[Window]:
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
