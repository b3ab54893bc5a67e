"""Windows: the offsets that a batch takes from a partition."""

from dataclasses import dataclass
from typing import Literal

from jobs import kafka, times
from jobs.errors import JobError, UsageError
from jobs.job import job
from jobs.windows.ranges import (
    Bounds,
    Window,
    ahead,
    between,
    clip,
    cut,
    cut_at,
    expired,
    missing,
    of_expired,
    overlaps_and_gaps,
    read,
    since,
    turns,
    without,
    written,
)

__all__ = [
    "Bounds",
    "Window",
    "ahead",
    "between",
    "clip",
    "cut",
    "cut_at",
    "expired",
    "missing",
    "of_expired",
    "overlaps_and_gaps",
    "read",
    "since",
    "turns",
    "within",
    "without",
    "written",
]


@dataclass(frozen=True)
class Listed:
    """The windows of one topic.

    Args:
        topic: The topic.
        windows: What is there of what was asked for.
        records: How many offsets that are; holes (compaction, transaction marks) count too.
        expired: What is gone, in words.
        offsets: The windows as `--offsets` takes them.
    """

    topic: str
    windows: list[Window]
    records: int
    expired: list[str]
    offsets: str

    def text(self) -> str:
        """A line a partition, and what is gone."""
        lines = [
            f"partition {each.partition:>3}  {each.first:>14,} to {each.end:>14,}  {each.offsets:>14,} records"
            for each in self.windows
        ]
        lines += [f"[yellow]! {each} expired[/yellow]" for each in self.expired]
        return "\n".join([*lines, f"{self.records:,} records of {self.topic}: --offsets={self.offsets}"])


def within(topic: str, available: Bounds, *, start: str = "", end: str = "", offsets: str = "") -> list[Window]:
    """What a topic got within a range, also what of it is gone.

    Raises:
        UsageError: Offsets and times are both given, or one of them is none, or the end is before the start.
    """
    if offsets:
        if start or end:
            raise UsageError("a range is one of times or of offsets: give --offsets, or --start and --end")
        return read(offsets, topic, available)
    first, last = times.moment(start or "1970-01-01"), times.moment(end or "0s")
    if last <= first:
        raise UsageError(
            f"the range ends at {last:%Y-%m-%dT%H:%M:%SZ}, before it begins, at {first:%Y-%m-%dT%H:%M:%SZ}"
        )
    ends = kafka.offsets_at(topic, last) if end else {each: bounds[1] for each, bounds in available.items()}
    return between(topic, kafka.offsets_at(topic, first), ends, available)


@job("spark", cpu="500m", memory="1Gi", retries=1, minutes=10, needs=("kafka", "lake", "spark"))
def list(
    topic: str, *, start: str = "", end: str = "", offsets: str = "", on_expired: Literal["fail", "clip"] = "clip"
) -> Listed:
    """Show the windows of a range of time or of offsets; without either, of what bronze has not loaded yet.

    Args:
        topic: The topic.
        start: The first moment, such as 2026-01-01T10:00 (UTC), or 6h for so long ago.
        end: The moment before which it ends; now when empty.
        offsets: Partition, first offset and end (exclusive), as 0:10-20,1:5-.
        on_expired: Whether to fail when some are gone.
    """
    available = kafka.watermarks(topic)
    if start or end or offsets:
        wanted = within(topic, available, start=start, end=end, offsets=offsets)
    else:
        from jobs.bronze import position  # noqa: PLC0415 - a range of time or offsets needs no Spark

        wanted = since(topic, position(topic, available), available)
    gone = of_expired(wanted, available, at_most=not offsets)
    left = clip(wanted, available)
    found = Listed(topic, left, sum(each.offsets for each in left), gone, written(left))
    if gone and on_expired == "fail":
        raise JobError(
            f"{topic}: {', '.join(gone)} expired", hint="the same command with --on-expired=clip", result=found
        )
    return found
