"""What Prometheus may know of the bridge."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# A request that waits for records takes as long as its client said; one that writes, as long as Kafka does.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry a bridge."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "headrace_bridge_requests", "Requests answered.", ["operation", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "headrace_bridge_request_seconds",
            "How long requests took.",
            ["operation"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.produced = Counter(
            "headrace_bridge_records_produced",
            "Records taken from clients: written, refused (its client was told) or lost (async, nobody was).",
            ["outcome"],
            registry=self.registry,
        )
        self.fetched = Counter("headrace_bridge_records_fetched", "Records given to clients.", registry=self.registry)
        self.consumers = Gauge("headrace_bridge_consumers", "Consumer instances.", registry=self.registry)
        self.closed = Counter(
            "headrace_bridge_consumers_closed", "Consumer instances closed.", ["why"], registry=self.registry
        )
        for why in ("deleted", "idle", "end"):
            self.closed.labels(why)
        for outcome in ("written", "refused", "lost"):
            self.produced.labels(outcome)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
