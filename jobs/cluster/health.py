"""What a cluster's state comes to: pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.markup import escape

Verdict = Literal["ok", "warn", "fail"]

COLOUR = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Finding:
    """What one check found, and the command that mends it."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Report:
    """Every finding; unhealthy as soon as one of them failed."""

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> list[Finding]:
        """Those that failed."""
        return [each for each in self.findings if each.verdict == "fail"]

    def text(self) -> str:
        """One line a check, and under what is not ok the command that mends it."""
        wide = max(len(each.check) for each in self.findings)
        lines: list[str] = []
        for each in self.findings:
            mark = f"[{COLOUR[each.verdict]}]{each.verdict:<4}[/]"
            lines.append(f"{mark}  {each.check:<{wide}}  {escape(each.detail)}")
            if each.fix and each.verdict != "ok":
                lines.append(f"      {'':<{wide}}  next: {escape(each.fix)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Partition:
    """One partition: which brokers hold it, which of them are in sync, and how many must be to write.

    Args:
        name: topic-partition.
        leader: The broker that leads it, -1 if none.
        replicas: The brokers that should hold it.
        isr: Those of them that are in sync.
        min_isr: min.insync.replicas of its topic.
    """

    name: str
    leader: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    min_isr: int


def identity(cluster_id: str, expected: str) -> Finding:
    """Whether this is the cluster that is meant."""
    if expected and cluster_id != expected:
        return Finding("cluster id", "fail", f"{cluster_id}, expected {expected}", "correct KAFKA_BOOTSTRAP_SERVERS")
    return Finding("cluster id", "ok", cluster_id)


def brokers(up: Sequence[int], least: int) -> Finding:
    """Whether enough brokers are up."""
    detail = f"{len(up)} up ({', '.join(map(str, up))}), at least {least} wanted"
    return Finding("brokers", "ok" if len(up) >= least else "fail", detail, "start the missing brokers")


def partitions(all_of_them: Sequence[Partition], least: int) -> list[Finding]:
    """Whether every partition can be read and written now, and when any one broker is lost.

    Losing a broker takes one in-sync replica from each partition that it holds, so a partition keeps its
    leader and stays writable with `acks=all` when its in-sync replicas are more than min.insync.replicas.

    Args:
        all_of_them: The partitions of every topic.
        least: How many brokers the caller counts on: from 3 on, being unable to lose one is a failure.
    """

    def count(check: str, fix: str, bad: Callable[[Partition], bool], verdict: Verdict = "fail") -> Finding:
        found = [each.name for each in all_of_them if bad(each)]
        detail = f"{len(found)} of {len(all_of_them)} partitions{_some(found)}"
        return Finding(check, verdict if found else "ok", detail, fix)

    return [
        count("offline", "start the brokers that hold them", lambda each: each.leader < 0),
        count(
            "under-replicated",
            "start the missing brokers, and wait",
            lambda each: len(each.isr) < len(each.replicas),
            "warn",
        ),
        count("under min ISR", "start the missing brokers, and wait", lambda each: len(each.isr) < each.min_isr),
        count(
            "can't lose one broker",
            "raise the replication factor above min.insync.replicas",
            lambda each: len(each.isr) <= each.min_isr,
            "fail" if least >= 3 else "warn",
        ),
    ]


@dataclass(frozen=True)
class Canary:
    """What became of records produced and read back.

    Args:
        sent: Handed to the producer.
        acked: Acknowledged by every in-sync replica.
        read: Read back, each counted once.
        duplicated: Read back more than once.
        p50_ms: Half of them were read back within this many milliseconds of being produced.
        p99_ms: 99 in 100 were.
    """

    sent: int
    acked: int
    read: int
    duplicated: int
    p50_ms: float
    p99_ms: float

    def finding(self) -> Finding:
        """Whether all that was acknowledged was read, once."""
        lost = self.acked - self.read
        well = self.acked == self.sent and lost == 0 and self.duplicated == 0
        return Finding(
            "canary",
            "ok" if well else "fail",
            f"sent {self.sent}, acked {self.acked}, read {self.read}, lost {lost}, duplicated {self.duplicated}, "
            f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms",
            "headrace cluster check",
        )


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that is not exceeded by `share` of them (nearest rank); 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f": {shown}{', ...' if len(names) > 5 else ''}" if names else ""
