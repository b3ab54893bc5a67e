"""Records on their way to a topic, and what became of them."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message, Producer

from jobs.kafka.client import producer


@dataclass(frozen=True)
class Record:
    """What is produced: one record without its place."""

    value: bytes | None
    key: bytes | None = None
    partition: int = -1
    headers: list[tuple[str, bytes | None]] | None = None
    timestamp: int = 0
    """In epoch milliseconds; 0 is now."""


@dataclass
class Deliveries:
    """What became of the records handed to a producer; sent = acked + failed once it is flushed."""

    sent: int = 0
    acked: int = 0
    failed: int = 0
    error: str = ""


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
                    timestamp=record.timestamp,
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
