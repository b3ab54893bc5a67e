"""What is really set on a cluster, and which of it will lose data one day: pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.cluster.health import STRICT
from jobs.findings import Finding, at_fault
from jobs.times import said

APPLY = "then headrace topics apply"

CANARY = "headrace.canary"
"""The topic that this job makes itself: what it holds may be lost."""


@dataclass(frozen=True)
class Topic:
    """A topic as it is: how many brokers hold it, and its settings in force."""

    name: str
    replicas: int
    configs: Mapping[str, str]

    @property
    def internal(self) -> bool:
        """Whether Kafka or Connect made it for itself."""
        return self.name.startswith("_")

    @property
    def min_isr(self) -> int:
        """min.insync.replicas."""
        return int(self.configs["min.insync.replicas"])

    @property
    def kept(self) -> float:
        """How long it keeps a record at least, in seconds."""
        return retention(self.configs)


def retention(configs: Mapping[str, str]) -> float:
    """How long a topic keeps a record at least, in seconds; infinite when time does not delete.

    Compaction keeps the last record of each key, so only `delete` counts.
    """
    kept = int(configs.get("retention.ms", -1))
    return kept / 1000 if kept >= 0 and "delete" in configs.get("cleanup.policy", "delete") else float("inf")


def audit(
    topics: Sequence[Topic],
    brokers: Mapping[int, Mapping[str, str]],
    *,
    least: int,
    every: float = 0,
    reads: Sequence[str] = (),
) -> Iterator[Finding]:
    """Every setting that will lose data, or let a typing error make a topic.

    Args:
        topics: What there is.
        brokers: Each broker's settings by its id.
        least: How many brokers the caller counts on: from `STRICT` on, one replica is a failure.
        every: How often a schedule reads the topics, in seconds; 0 if none does.
        reads: The topics that it reads; all but internal ones when empty.
    """
    among = f"{len(topics)} topics"
    unclean = [each.name for each in topics if each.configs.get("unclean.leader.election.enable") == "true"]
    yield at_fault(
        "unclean election",
        unclean,
        among,
        fix=f"unclean.leader.election.enable: false in topics.yaml, {APPLY}",
        about="may lose what was acknowledged",
    )
    single = [each.name for each in topics if each.replicas == 1 and each.name != CANARY and not each.internal]
    single += [each.name for each in topics if each.replicas == 1 and each.internal]
    yield at_fault(
        "one replica",
        single,
        among,
        fix=f"replication_factor: 3 in topics.yaml, {APPLY}",
        verdict="fail" if least >= STRICT else "warn",
    )
    rigid = [
        f"{each.name} ({each.min_isr} of {each.replicas})"
        for each in topics
        if each.min_isr >= each.replicas and each.min_isr > 1
    ]
    yield at_fault(
        "min ISR too high",
        rigid,
        among,
        fix=f"min.insync.replicas below replication_factor in topics.yaml, {APPLY}",
        about="can't be written while one broker restarts",
    )
    loose = [each.name for each in topics if each.replicas > 2 and each.min_isr == 1 and not each.internal]
    yield at_fault(
        "min ISR too low",
        loose,
        among,
        fix=f"min.insync.replicas: 2 in topics.yaml, {APPLY}",
        verdict="warn",
        about="may acknowledge what only one broker has",
    )
    yield _auto_create(brokers)
    if every:
        yield _retention(topics, every, reads)


def _auto_create(brokers: Mapping[int, Mapping[str, str]]) -> Finding:
    careless = [str(each) for each, set_to in brokers.items() if set_to.get("auto.create.topics.enable") == "true"]
    return at_fault(
        "auto-create",
        careless,
        f"{len(brokers)} brokers",
        fix="auto.create.topics.enable=false in server.properties (Strimzi: spec.kafka.config), then restart them",
        verdict="warn",
        about="make a topic of every misspelt name",
    )


def _retention(topics: Sequence[Topic], every: float, reads: Sequence[str]) -> Finding:
    wanted = set(reads) or {each.name for each in topics if not each.internal and each.name != CANARY}
    read = [each for each in topics if each.name in wanted]  # one that is not there yet will be made as declared
    short = [f"{each.name} ({said(each.kept)})" for each in read if each.kept < every]
    tight = [f"{each.name} ({said(each.kept)})" for each in read if every <= each.kept < 2 * every]
    return at_fault(
        "retention",
        short or tight,
        f"{len(read)} topics read every {said(every)}",
        fix=f"retention.ms of at least {2000 * every:.0f} in topics.yaml, {APPLY}",
        verdict="fail" if short else "warn",
        about="would lose records unread" if short else "lose records when one run is missed",
    )
