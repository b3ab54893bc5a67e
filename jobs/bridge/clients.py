"""The Kafka client behind one consumer, as the consumer's settings say."""

from collections.abc import Collection

from confluent_kafka import Consumer

from jobs import kafka
from jobs.bridge.bodies import NewConsumer
from jobs.bridge.refusals import RefusedError

KEPT = {"queued_max_messages_kbytes": 8192, "queued_min_messages": 10_000}
"""How much is read ahead for one consumer."""

RESET = {"earliest": "earliest", "latest": "latest", "none": "error"}
ISOLATION = ("read_uncommitted", "read_committed")


def client(group: str, name: str, wanted: NewConsumer, idle: float) -> Consumer:
    """A client of the group; it commits what is stored, and stores nothing by itself.

    Args:
        group: The consumer group.
        name: The consumer's own name within the group.
        wanted: Its settings.
        idle: After how long without a request it is closed, in seconds.

    Raises:
        RefusedError: 422, a setting has a value that it cannot have.
        JobError: The cluster cannot be reached.
    """
    _one_of("auto.offset.reset", wanted.auto_offset_reset, RESET)
    _one_of("isolation.level", wanted.isolation_level, ISOLATION)
    return kafka.consumer(
        group,
        client_id=name,
        auto_offset_reset=RESET[wanted.auto_offset_reset],
        isolation_level=wanted.isolation_level,
        fetch_min_bytes=wanted.fetch_min_bytes,
        enable_auto_commit=wanted.enable_auto_commit,
        enable_auto_offset_store=False,
        # Kafka waits for its next poll for longer than the bridge does.
        max_poll_interval_ms=int((idle + 60) * 1000),
        session_timeout_ms=min(45_000, int((idle + 60) * 1000)),
        **KEPT,
    )


def _one_of(name: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise RefusedError(422, f"Invalid value {value} for configuration {name}: it is one of {', '.join(allowed)}")
