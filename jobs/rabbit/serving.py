"""What others see of a drain: whether it lives, whether it is at work, and its figures."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from jobs.rabbit.draining import Drain

HANGS = 300.0
"""No batch takes so long, in seconds: Spark or MongoDB would have failed before."""


class Watch(Collector):
    """The state of a drain as it is when it is asked.

    Args:
        drain: What is asked about.
    """

    def __init__(self, drain: Drain) -> None:
        self.drain = drain
        self.registry = CollectorRegistry()
        self.registry.register(self)

    @property
    def alive(self) -> bool:
        """Whether batches come to an end; a broker that is away is waited for elsewhere."""
        return not self.drain.connected or time.monotonic() - self.drain.turned < HANGS

    @property
    def ready(self) -> bool:
        """Whether the broker gives it messages."""
        return self.drain.connected

    def collect(self) -> Iterator[Metric]:
        """Messages by outcome, and broken connections."""
        tally, queue = self.drain.tally, self.drain.queue
        messages = CounterMetricFamily("headrace_drain_messages", "Messages by outcome.", labels=["queue", "outcome"])
        for outcome, count in (("document", tally.documents), ("before", tally.before), ("dead", tally.dead)):
            messages.add_metric([queue, outcome], count)
        yield messages
        broken = CounterMetricFamily("headrace_drain_reconnects", "Connections that broke.", labels=["queue"])
        broken.add_metric([queue], tally.reconnects)
        yield broken
