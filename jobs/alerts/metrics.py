"""The same state as Prometheus reads it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jobs.alerts.alert import ATTACKS
from jobs.alerts.shown import group, shown
from jobs.alerts.state import State


def text(state: State, now: float, topic: str, alerts: str) -> bytes:
    """The metrics of one moment, in Prometheus' text format.

    Args:
        state: What was read so far.
        now: The moment, in epoch seconds.
        topic: The source's name.
        alerts: The name of the topic of alerts.
    """
    registry = CollectorRegistry()
    registry.register(_Once(state, now, topic, alerts))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, state: State, now: float, topic: str, alerts: str) -> None:
        self.state, self.topic, self.said = state, topic, shown(state, now, topic, alerts)

    def collect(self) -> Iterator[Metric]:
        """Counters by class, and what is measured now; what is not known is left out."""
        yield from self._counters()
        yield from self._gauges()

    def _counters(self) -> Iterator[Metric]:
        for name, says, counts in (
            ("alerts", "Alerts, by the class that the model said.", self.state.said),
            ("alerts_known", "Alerts whose label is known.", self.state.known),
            ("alerts_right", "Alerts whose known class is the one that was said.", self.state.right),
        ):
            family = CounterMetricFamily(f"headrace_{name}", says, labels=["topic", "said"])
            for each in ATTACKS:
                family.add_metric([self.topic, each], counts[each])
            yield family
        for name, says, count in (
            ("alerts_malformed", "Records of the topic of alerts that are none.", self.state.malformed),
            ("alerts_bursts", "Seconds whose rate was more than three times the usual one.", self.state.burst_count),
        ):
            family = CounterMetricFamily(f"headrace_{name}", says, labels=["topic"])
            family.add_metric([self.topic], count)
            yield family

    def _gauges(self) -> Iterator[Metric]:
        latency = GaugeMetricFamily(
            "headrace_alerts_latency_seconds",
            "From sent to scored, of the last minute and of all.",
            labels=["topic", "over", "quantile"],
        )
        for over, found in self.said["latency"].items():
            for name, quantile in (("p50", "0.5"), ("p99", "0.99")):
                if found[name] is not None:
                    latency.add_metric([self.topic, over, quantile], found[name] / 1000)
        yield latency
        for name, says, value in (
            ("alerts_source_rate", "Records a second on the source topic.", self.said["records"]["rate"]),
            ("alerts_lag_records", f"Records not scored yet by {group('TOPIC')}.", self.said["lag"]["records"]),
            ("alerts_current", "1 when Kafka answers and all topics are there.", float(not self.said["trouble"])),
        ):
            family = GaugeMetricFamily(f"headrace_{name}", says, labels=["topic"])
            if value is not None:
                family.add_metric([self.topic], value)
            yield family
