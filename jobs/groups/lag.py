"""How far a reader is behind: in records, in seconds, and until it loses something. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.findings import Finding
from jobs.times import said

INFINITE = float("inf")


@dataclass(frozen=True)
class Place:
    """One partition and how far one group has read it.

    Args:
        partition: Its number.
        next: The offset that the group reads next.
        first: The first offset that the topic still has.
        end: The offset after its last.
        oldest: The time of the first record that is unread and still there, in epoch seconds; None if there is none.
    """

    partition: int
    next: int
    first: int
    end: int
    oldest: float | None = None

    @property
    def records(self) -> int:
        """How many offsets that are there are unread; holes (compaction, transaction marks) count too."""
        return self.end - min(max(self.next, self.first), self.end)

    @property
    def expired(self) -> int:
        """How many offsets were deleted unread."""
        return max(0, self.first - self.next)


@dataclass(frozen=True)
class Lag:
    """How far a group is behind in one topic, as bad as its worst partition.

    Args:
        group: The group.
        topic: The topic.
        members: How many consumers it has now.
        records: Unread records, at most.
        seconds: The age of the oldest unread record; 0 if there is none.
        until_loss: Seconds until retention may delete the oldest unread record; None if it never does.
        expired: Records that were deleted unread.
        partition: The partition that is worst.
    """

    group: str
    topic: str
    members: int
    records: int
    seconds: float
    until_loss: float | None
    expired: int
    partition: int


def lag(group: str, topic: str, members: int, places: Iterable[Place], *, retention: float, now: float) -> Lag:
    """What the partitions come to.

    Retention deletes whole segments, the newest record of which must be too old; so a record is kept for at least
    `retention`, and `until_loss` is the least time that is left.

    Args:
        group: The group.
        topic: The topic.
        members: How many consumers the group has.
        places: At least one partition.
        retention: How long the topic keeps a record at least, in seconds; infinite if for ever.
        now: The time, in epoch seconds.
    """
    found = sorted(places, key=lambda each: (each.oldest is None, each.oldest, -each.records))
    worst = found[0]
    age = max(0.0, now - worst.oldest) if worst.oldest is not None else 0.0
    left = None if retention == INFINITE or worst.oldest is None else max(0.0, retention - age)
    return Lag(
        group=group,
        topic=topic,
        members=members,
        records=sum(each.records for each in found),
        seconds=round(age, 1),
        until_loss=left if left is None else round(left, 1),
        expired=sum(each.expired for each in found),
        partition=worst.partition,
    )


def judge(found: Lag, margin: float, max_age: float = 0) -> Finding:
    """Whether a group will lose something.

    Args:
        found: How far it is behind.
        margin: Unhealthy when less than this many seconds are left until something is lost.
        max_age: Unhealthy when the oldest unread record is older than this, in seconds; 0 for any.
    """
    check = f"lag of {found.group} in {found.topic}"
    detail = f"{found.records:,} records, the oldest {said(found.seconds)} old"
    if found.until_loss is not None:
        detail += f", {said(found.until_loss)} until it is lost"
    if not found.members:
        detail += ", no members now"
    fix = f"start what reads as {found.group}, or raise retention.ms of {found.topic} and headrace topics apply"
    if found.expired:
        gone = f"{found.expired:,} records were deleted unread; {detail}"
        return Finding(check, "fail", gone, f"let {found.group} begin at what is there: its offsets are gone")
    if found.until_loss is not None and found.until_loss < margin:
        return Finding(check, "fail", detail, fix)
    if max_age and found.seconds > max_age:
        return Finding(check, "fail", f"{detail} (more than {said(max_age)})", fix)
    if found.until_loss is not None and found.until_loss < 2 * margin:
        return Finding(check, "warn", detail, fix)
    return Finding(check, "ok", detail)
