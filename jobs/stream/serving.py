"""What others see of a consumer: whether it lives, whether it is ready, and its figures."""

import time
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from jobs.probes import HANGS

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


@dataclass
class Watch:
    """The state of a consumer, and its metrics.

    Args:
        topic: What it reads.
    """

    topic: str
    ready: bool = False
    turned: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Make the metrics."""
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "headrace_stream_messages",
            "Records by outcome, once it is committed.",
            ["topic", "outcome"],
            registry=self.registry,
        )
        self.latency = Histogram(
            "headrace_stream_latency_seconds",
            "From the oldest record's time to the commit of its batch.",
            ["topic"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "headrace_stream_batch_seconds", "What a batch takes.", ["topic"], buckets=BUCKETS, registry=self.registry
        )
        self.undone = Counter(
            "headrace_stream_undone", "Batches that were undone and read again.", ["topic"], registry=self.registry
        )
        self.partitions = Gauge("headrace_stream_partitions", "Partitions it has.", ["topic"], registry=self.registry)

    @property
    def alive(self) -> bool:
        """Whether the loop comes round."""
        return time.monotonic() - self.turned < HANGS
