"""What disks, versions and certificates come to: pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.findings import Finding, at_fault

TESTED = ("4.3",)
"""The brokers that the tests of this repository run against."""

CLIENT = "2.16.1"
"""The confluent-kafka that they run with."""

FULL, FILLING = 95, 85
"""How full a disk may be until it is a failure, and a warning, in percent."""

EXPIRED = timedelta(days=7)
"""A certificate with less than this is a failure: renewing one takes people."""


@dataclass(frozen=True)
class Disk:
    """One log folder of a broker.

    Args:
        broker: Whose it is.
        folder: Its path there.
        total: The size of its volume, in bytes; -1 if the broker does not say.
        free: How much of that may still be written, in bytes.
        topics: How much each topic holds there, in bytes.
        error: Kafka's error code; 0 if the folder can be used.
    """

    broker: int
    folder: str
    total: int
    free: int
    topics: Mapping[str, int]
    error: int = 0

    @property
    def used(self) -> int:
        """How full its volume is, in percent, rounded down."""
        return (self.total - self.free) * 100 // self.total if self.total > 0 else 0


def disks(found: Sequence[Disk]) -> Iterator[Finding]:
    """One finding a broker: how full its disk is, and what fills it."""
    for disk in found:
        held = sum(disk.topics.values())
        most = sorted(disk.topics.items(), key=lambda each: -each[1])[:3]
        largest = ", ".join(f"{name} {size(amount)}" for name, amount in most if amount)
        detail = f"{disk.used} % of {size(disk.total)} full, {size(disk.free)} free, records {size(held)}"
        check, largest = f"disk of broker {disk.broker}", f" ({largest})" if largest else ""
        if disk.error:
            yield Finding(check, "fail", f"{disk.folder} cannot be used (error {disk.error})", "mend or replace it")
        elif disk.total <= 0:
            yield Finding(check, "ok", f"the broker does not say how large it is; records {size(held)}{largest}")
        else:
            verdict = "fail" if disk.used >= FULL else "warn" if disk.used >= FILLING else "ok"
            fix = "lower retention.ms of the largest in topics.yaml and headrace topics apply, or grow the volume"
            yield Finding(check, verdict, detail + largest, fix if verdict != "ok" else "")


def versions(brokers: Mapping[int, str], client: str, level: tuple[int, int]) -> Finding:
    """Whether what runs is what was tested.

    Args:
        brokers: Each broker's version, such as 4.3.
        client: confluent-kafka's.
        level: The metadata version in force, and the newest that the brokers know.
    """
    there = sorted(set(brokers.values()))
    tested = f"tested: {', '.join(TESTED)} with {CLIENT}"
    detail = f"brokers {', '.join(there) or 'unknown'}, confluent-kafka {client} ({tested})"
    if len(there) > 1:
        return Finding("versions", "warn", f"{detail}: an unfinished upgrade", "upgrade the other brokers")
    if level[0] < level[1]:
        new = f"{detail}; metadata version {level[0]} of {level[1]}: the upgrade was not finished"
        return Finding("versions", "warn", new, "kafka-features.sh upgrade --release-version ...")
    if not set(there) <= set(TESTED) or client != CLIENT:
        return Finding("versions", "warn", f"{detail}: not tested together", "make test against this cluster")
    return Finding("versions", "ok", detail)


@dataclass(frozen=True)
class Certificate:
    """A certificate that a connection relies on: whose it is, and until when; None if it could not be read."""

    whose: str
    until: datetime | None
    error: str = ""


def certificates(found: Sequence[Certificate], now: datetime, days: int) -> Finding:
    """Whether one of them expires within `days`."""
    unread = [f"{each.whose} ({each.error})" for each in found if each.until is None]
    known = [(each.until, each.whose) for each in found if each.until]
    soon = sorted((until, whose) for until, whose in known if until - now < timedelta(days=days))
    fix = "renew it, then restart what serves it"
    if not soon:
        first = f", the first until {min(known)[0]:%Y-%m-%d}" if known else ""
        return (
            at_fault("certificates", unread, f"{len(found)} certificates", fix=fix, verdict="warn")
            if unread
            else (Finding("certificates", "ok", f"{len(found)} good for {days} days or more{first}"))
        )
    named = [f"{whose} ({_left(until - now)})" for until, whose in soon]
    urgent = soon[0][0] - now < EXPIRED
    return at_fault(
        "certificates",
        [*named, *unread],
        f"{len(found)} certificates",
        fix=fix,
        verdict="fail" if urgent else "warn",
        about=f"expire within {days} days",
    )


def size(amount: float) -> str:
    """Bytes for people: 1536 -> `1.5 KiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _left(left: timedelta) -> str:
    return f"{left.days} days left" if left > timedelta(0) else f"expired {-left // timedelta(days=1)} days ago"
