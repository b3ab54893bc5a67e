"""What others see of a producer: whether it lives, whether its records arrive, and its figures."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jobs.probes import HANGS
from jobs.replay.outbox import Outbox
from jobs.replay.pacing import Lateness

STANDS = 30.0
"""Without an acknowledgement for so long, in seconds, while some are awaited, a producer is not ready."""
SHARES = (0.5, 0.99, 1.0)


class Watch(Collector):
    """The state of a producer as it is when it is asked.

    Args:
        outbox: Its records on their way.
        late: How late they were handed over.
    """

    def __init__(self, outbox: Outbox, late: Lateness) -> None:
        self.outbox, self.late = outbox, late
        self.acked, self.since = 0, time.monotonic()
        self.registry = CollectorRegistry()
        self.registry.register(self)

    @property
    def alive(self) -> bool:
        """Whether the loop comes round, also while the brokers are away."""
        return time.monotonic() - self.outbox.turned < HANGS

    @property
    def ready(self) -> bool:
        """Whether the brokers take what it sends."""
        acked = self.outbox.acked
        if acked != self.acked or not self.outbox.waiting:
            self.acked, self.since = acked, time.monotonic()
        return time.monotonic() - self.since < STANDS

    def collect(self) -> Iterator[Metric]:
        """Records by outcome, and how late they were."""
        out = self.outbox
        records = CounterMetricFamily("headrace_replay_records", "Records by outcome.", labels=["topic", "outcome"])
        for outcome, count in (("acked", out.acked), ("failed", out.failed)):
            records.add_metric([out.topic, outcome], count)
        yield records
        waiting = GaugeMetricFamily("headrace_replay_waiting", "Records on their way.", labels=["topic"])
        waiting.add_metric([out.topic], out.waiting)
        yield waiting
        late = GaugeMetricFamily(
            "headrace_replay_late_seconds",
            "From a record's time in the schedule until it was handed over, since the start.",
            labels=["topic", "quantile"],
        )
        for share in SHARES:
            late.add_metric([out.topic, f"{share:g}"], self.late.percentile(share) / 1000)
        yield late
