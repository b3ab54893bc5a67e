"""Kafka's clients, made from the environment: I/O only, no decisions."""
# confluent-kafka types its futures as Future[Unknown], and exports two names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import difflib
import logging
import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, IsolationLevel, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicDescription

from jobs import settings
from jobs.errors import JobError

log = logging.getLogger(__name__)

PATIENCE = 4.0
"""How long to try to reach a broker, in seconds: longer than one broker's restart of its listener, shorter than a person waits."""

REQUEST = 30.0
"""How long one request to a reachable cluster may take, in seconds."""

HINT = "make status (is it running?), make up (start it)"


@dataclass(frozen=True)
class Record:
    """What is produced: one record without its place."""

    value: bytes | None
    key: bytes | None = None
    partition: int = -1
    headers: list[tuple[str, bytes]] | None = None


@dataclass
class Deliveries:
    """What became of the records handed to a producer; sent = acked + failed once it is flushed."""

    sent: int = 0
    acked: int = 0
    failed: int = 0
    error: str = ""


def admin() -> AdminClient:
    """An admin client that has reached the cluster.

    Raises:
        JobError: No broker answered within `PATIENCE`, or the credentials were refused.
    """
    servers = settings.load(settings.Kafka).bootstrap_servers
    said: list[KafkaError] = []
    client = AdminClient(_config("headrace-admin", error_cb=said.append))
    asked = client.describe_cluster(request_timeout=PATIENCE)
    give_up = time.monotonic() + PATIENCE
    while not asked.done() and time.monotonic() < give_up and not any(map(_refused, said)):
        client.poll(0.02)
    if not asked.done() or asked.exception():
        reasons = [error for error in said if _refused(error)] or [
            error for error in said if error.name() != "_ALL_BROKERS_DOWN"
        ]
        why = reasons[0].str() if reasons else f"no answer within {PATIENCE:.0f} s"
        raise JobError(f"Kafka at {servers} cannot be used: {why}", hint=HINT)
    return client


def producer(**overrides: Any) -> Producer:
    """A producer that waits for every in-sync replica and writes nothing twice.

    Args:
        overrides: librdkafka's settings, with `_` for `.`: `linger_ms=50`.

    Raises:
        JobError: The cluster cannot be reached.
    """
    admin()
    defaults = {"acks": "all", "enable.idempotence": True, "linger.ms": 20, "delivery.timeout.ms": 120_000}
    return Producer(_config("headrace", **(defaults | _dotted(overrides))))


def consumer(group: str = "headrace", **overrides: Any) -> Consumer:
    """A consumer of committed records, which commits nothing unless told to.

    Args:
        group: The consumer group. One that only assigns partitions still needs a name.
        overrides: librdkafka's settings, with `_` for `.`: `auto_offset_reset="earliest"`.

    Raises:
        JobError: The cluster cannot be reached.
    """
    admin()
    defaults = {
        "group.id": group,
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "fetch.queue.backoff.ms": 5,  # the default, 1000, leaves the consumer idle
    }
    return Consumer(_config("headrace", **(defaults | _dotted(overrides))))


def watermarks(topic: str, *, client: AdminClient | None = None) -> dict[int, tuple[int, int]]:
    """The first offset and the end offset (exclusive) of each partition, as `read_committed` sees them.

    Raises:
        JobError: There is no such topic, or the cluster cannot be reached.
    """
    client = admin() if client is None else client
    partitions = [TopicPartition(topic, each.id) for each in describe(topic, client=client).partitions]
    specs: list[Any] = [OffsetSpec.earliest(), OffsetSpec.latest()]
    earliest, latest = (
        client.list_offsets(
            dict.fromkeys(partitions, spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=REQUEST,
        )
        for spec in specs
    )
    asking = f"ask for the offsets of {topic}"
    return {
        each.partition: (answer(earliest[each], asking).offset, answer(latest[each], asking).offset)
        for each in partitions
    }


def topic_id(topic: str, *, client: AdminClient | None = None) -> str:
    """The id that the cluster gave the topic: a topic deleted and made again has another.

    Raises:
        JobError: There is no such topic, or the cluster cannot be reached.
    """
    return str(describe(topic, client=admin() if client is None else client).topic_id)


def describe(topic: str, *, client: AdminClient) -> TopicDescription:
    """One topic as the cluster sees it.

    Raises:
        JobError: There is no such topic; the names most like it are listed.
    """
    future = client.describe_topics(TopicCollection([topic]), request_timeout=REQUEST)[topic]
    try:
        return future.result()
    except KafkaException as error:
        if _error(error).code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise failed(f"describe topic {topic}", error) from error
        known = client.list_topics(timeout=REQUEST).topics
        near = difflib.get_close_matches(topic, known, n=3)
        also = f"; near it: {', '.join(near)}" if near else ""
        raise JobError(f"there is no topic {topic}{also}", hint="headrace topics apply") from error


@contextmanager
def sending(topic: str, client: Producer) -> Generator["Sender", None, None]:
    """Produce to a topic, and on leaving wait until the fate of every record is known."""
    sender = Sender(topic, client)
    yield sender
    client.flush()


def produce(topic: str, records: Iterable[Record], client: Producer | None = None) -> Deliveries:
    """Produce every record, wait for the last answer, and say what became of them."""
    with sending(topic, producer() if client is None else client) as sender:
        for record in records:
            sender.send(record)
    return sender.deliveries


class Sender:
    """Hands records to a producer and counts what becomes of each."""

    def __init__(self, topic: str, client: Producer) -> None:
        self.topic, self.client, self.deliveries = topic, client, Deliveries()

    def send(self, record: Record) -> None:
        """Hand over one record, waiting while the producer's queue is full."""
        while True:
            try:
                self.client.produce(
                    self.topic,
                    record.value,
                    record.key,
                    record.partition,
                    headers=list(record.headers) if record.headers else None,
                    on_delivery=self._delivered,
                )
                break
            except BufferError:
                self.client.poll(0.5)
        self.deliveries.sent += 1
        self.client.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.deliveries.acked += 1
            return
        self.deliveries.failed += 1
        self.deliveries.error = self.deliveries.error or error.str()


def answer(future: "Future[Any]", doing: str) -> Any:
    """What the cluster answered.

    Raises:
        JobError: It refused, or did not answer.
    """
    try:
        return future.result(timeout=REQUEST + PATIENCE)
    except KafkaException as error:
        raise failed(doing, error) from error
    except TimeoutError as error:
        raise JobError(f"cannot {doing}: no answer within {REQUEST:.0f} s", hint=HINT) from error


def failed(doing: str, error: KafkaException) -> JobError:
    """The same refusal, said for the caller."""
    return JobError(f"cannot {doing}: {_error(error).str()}", hint=HINT)


def _error(error: KafkaException) -> KafkaError:
    return error.args[0]


def _config(client_id: str, **more: Any) -> dict[str, Any]:
    # librdkafka's own lines on stderr are left out: error_cb says the same, once.
    base = {"client.id": client_id, "log_level": 0, "error_cb": _warn}
    return base | settings.load(settings.Kafka).librdkafka() | _dotted(more)


def _dotted(options: dict[str, Any]) -> dict[str, Any]:
    plain = {"error_cb", "stats_cb", "throttle_cb", "on_delivery", "log_level", "logger"}
    return {name if name in plain else name.replace("_", "."): value for name, value in options.items()}


def _refused(error: KafkaError) -> bool:
    """Whether waiting cannot help: the credentials are wrong, not the network."""
    return error.fatal() or error.name() in ("_AUTHENTICATION", "_SSL")


def _warn(error: KafkaError) -> None:
    """A client that has run for a while reconnects by itself; credentials that were taken back stop it."""
    if _refused(error):
        raise JobError(f"Kafka refuses this client: {error.str()}", hint=HINT)
    log.warning("%s", error.str())


def records(topic: str) -> Generator[Message, None, None]:
    """Every committed record of a topic from its first offset to its end as it is now.

    Raises:
        JobError: There is no such topic, or a partition cannot be read.
    """
    todo = {each: end for each, (first, end) in watermarks(topic).items() if first < end}
    reader = consumer(enable_partition_eof=True, auto_offset_reset="earliest")
    reader.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in todo])
    try:
        while todo:
            for record in reader.consume(500, 0.2):
                error, partition = record.error(), record.partition()
                if error and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    todo.pop(partition, None)
                elif error:
                    raise failed(f"read {topic}", KafkaException(error))
                elif partition in todo:
                    yield record
    finally:
        reader.close()
