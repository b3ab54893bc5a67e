"""What the state of brokers, controllers and partitions comes to: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.findings import Finding, at_fault, some

STRICT = 3
"""From this many brokers on, a cluster is meant to survive the loss of one; a laptop's single broker is not."""

STALE = 10_000
"""A controller or broker that has not caught up with the metadata log for this long is behind, in ms."""


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

    @property
    def slack(self) -> int:
        """How many brokers may go before it can't be written with `acks=all`; negative: it can't be already."""
        return len(self.isr) - self.min_isr


def identity(cluster_id: str, expected: str) -> Finding:
    """Whether this is the cluster that is meant."""
    if expected and cluster_id != expected:
        return Finding("cluster id", "fail", f"{cluster_id}, expected {expected}", "correct KAFKA_BOOTSTRAP_SERVERS")
    return Finding("cluster id", "ok", cluster_id)


def brokers(up: Sequence[int], least: int) -> Finding:
    """Whether enough brokers are up."""
    detail = f"{len(up)} up ({', '.join(map(str, up))}), at least {least} wanted"
    return Finding("brokers", "ok" if len(up) >= least else "fail", detail, "start the missing brokers: make status")


def partitions(all_of_them: Sequence[Partition], least: int) -> list[Finding]:
    """Whether every partition can be read and written now, and when any one broker is lost.

    Losing a broker takes one in-sync replica from each partition that it holds, so a partition keeps its
    leader and stays writable with `acks=all` when its in-sync replicas are more than min.insync.replicas.

    Args:
        all_of_them: The partitions of every topic.
        least: How many brokers the caller counts on: from `STRICT` on, being unable to lose one is a failure.
    """
    among = f"{len(all_of_them)} partitions"
    offline = [each.name for each in all_of_them if each.leader < 0]
    behind = [each.name for each in all_of_them if len(each.isr) < len(each.replicas)]
    refused = [each.name for each in all_of_them if each.slack < 0]
    tight = sorted((each for each in all_of_them if each.slack <= 0), key=lambda each: each.name.startswith("_"))
    said = [f"{each.name} ({len(each.isr)} in sync, {each.min_isr} needed)" for each in tight]
    return [
        at_fault("offline", offline, among, fix="start the brokers that hold them: make status"),
        at_fault("under-replicated", behind, among, fix="start the missing brokers, and wait", verdict="warn"),
        at_fault("under min ISR", refused, among, fix="start the missing brokers, and wait"),
        at_fault(
            "can't lose one broker",
            said,
            among,
            fix=_widen(tight),
            verdict="fail" if least >= STRICT else "warn",
        ),
    ]


def _widen(tight: Sequence[Partition]) -> str:
    if any(len(each.isr) < len(each.replicas) for each in tight):
        return "start the missing brokers, and wait until they are in sync"
    return "replication_factor above min.insync.replicas in topics.yaml, then headrace topics apply"


@dataclass(frozen=True)
class Member:
    """A controller that votes, or a broker that only follows the metadata log.

    Args:
        node: Its id.
        lag: How many records of the metadata log it is behind the leader.
        age: How long ago it had caught up last, in ms; None if never.
    """

    node: int
    lag: int
    age: int | None

    @property
    def current(self) -> bool:
        """Whether it has caught up lately."""
        return self.age is not None and self.age <= STALE


def quorum(leader: int, voters: Sequence[Member], observers: Sequence[Member], least: int) -> list[Finding]:
    """Whether the controllers agree, how far each node is behind, and whether one controller may be lost.

    A quorum of n voters needs n // 2 + 1 of them.
    """
    current = [each for each in voters if each.current]
    need = len(voters) // 2 + 1
    late = [str(each.node) for each in voters if not each.current]
    slowest = max((each.lag for each in voters), default=0)
    oldest = max((each.age for each in current if each.age is not None), default=0)
    detail = (
        f"leader {leader}, {len(current)} of {len(voters)} voters caught up ({need} needed), "
        f"lag {slowest} records, {oldest} ms"
    )
    fix = f"start controller{some(late).replace(':', '', 1)}: make status" if late else ""
    agree = "fail" if leader < 0 or len(current) < need else "warn" if late else "ok"
    found = [Finding("controllers", agree, detail, fix, tuple(late))]
    if len(voters) > 1 or least >= STRICT:
        spare = len(current) - need
        found.append(
            Finding(
                "can't lose one controller",
                "ok" if spare > 0 else "fail" if least >= STRICT else "warn",
                f"{max(spare, 0)} of {len(voters)} voters may be lost now",
                "" if spare > 0 else fix or "add controllers: three can lose one",
            )
        )
    if observers:
        behind = [f"{each.node} ({each.lag} records)" for each in observers if not each.current]
        found.append(
            at_fault(
                "metadata lag", behind, f"{len(observers)} brokers", fix="look at the brokers' logs", verdict="warn"
            )
        )
    return found


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
