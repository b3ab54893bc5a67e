"""What is told of scored records: alerts and dead letters, each once, by one scorer of a topic at a time.

What a micro-batch tells, and how far it came, go out in one transaction: its group's offsets say whether it is out.
Kafka lets one producer of a transactional id work, so a second scorer of a topic ends the first.
"""
# confluent-kafka types its futures as Future[Unknown]:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from jobs import kafka
from jobs.dlq.courier import FENCED, LARGEST, TRANSACTION, fault
from jobs.errors import JobError
from jobs.kafka import Record


@dataclass(frozen=True)
class Told:
    """One record for a topic."""

    topic: str
    record: Record


class Alerts:
    """The one who tells what was scored of a topic.

    Args:
        topic: The topic that is scored.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.refused: list[KafkaError] = []
        self.client: Producer = kafka.producer(
            transactional_id=transactional_id(topic),
            transaction_timeout_ms=TRANSACTION,
            delivery_timeout_ms=TRANSACTION - 5_000,
            message_max_bytes=LARGEST,
            queue_buffering_max_messages=1_000_000,
            linger_ms=5,
            partitioner="murmur2_random",  # as Java's producers, so that a key stays where it is
            error_cb=_ignore,
        )
        self.reader: Consumer = kafka.consumer(group_of(topic))

    def begin(self) -> None:
        """End whoever else scores this topic; what they had not committed is undone.

        Raises:
            JobError: That can't be.
        """
        try:
            self.client.init_transactions(kafka.REQUEST)
        except KafkaException as error:
            raise kafka.failed(f"begin as {transactional_id(self.topic)}", error) from error

    def sent(self, partitions: Iterable[int]) -> dict[int, int]:
        """How far everything is out, by partition; those of which the group knows nothing are left out."""
        asked = [TopicPartition(self.topic, each) for each in partitions]
        try:
            known = self.reader.committed(asked, kafka.REQUEST)
        except KafkaException as error:
            raise kafka.failed(f"ask how far {group_of(self.topic)} is", error) from error
        return {each.partition: each.offset for each in known if each.offset >= 0}

    def tell(self, records: Iterable[Told], ends: Mapping[int, int]) -> None:
        """Send records, and say how far they go, all or nothing.

        Args:
            records: In any order.
            ends: The offset to go on from, by partition.

        Raises:
            JobError: Another scorer took over, or the brokers don't take them; nothing can be seen of them.
        """
        places = [TopicPartition(self.topic, each, end) for each, end in sorted(ends.items())]
        try:
            self.refused.clear()
            self.client.begin_transaction()
            for each in records:
                self._produce(each)
            kafka.send_offsets(self.client, self.reader, places)
            self.client.flush(kafka.REQUEST)
            self.client.commit_transaction(TRANSACTION / 1000)
        except (KafkaException, SystemError) as error:
            raise self._ended(error) from error

    def close(self) -> None:
        """Leave; what is under way is undone by whoever comes next."""
        self.reader.close()

    def _produce(self, told: Told) -> None:
        record = told.record
        headers: list[tuple[str, str | bytes | None]] | None = [*record.headers] if record.headers else None
        while True:
            try:
                return self.client.produce(
                    told.topic, record.value, record.key, headers=headers, on_delivery=self._delivered
                )
            except BufferError:  # it is full: wait for the brokers
                self.client.poll(0.05)

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self.refused.append(error)

    def _ended(self, error: BaseException) -> JobError:
        """What to say of a transaction that was not committed."""
        said = fault(error)
        if said.name() in FENCED or said.fatal():
            return JobError(
                f"another forest score of {self.topic} took over; what this one had not committed is undone",
                hint=f"headrace groups lag --topic={self.topic} shows how far the other is",
            )
        cause = next((each for each in self.refused if not each.name().startswith("_PURGE")), said)
        return kafka.failed(f"tell what was scored of {self.topic}", KafkaException(cause))


def transactional_id(topic: str) -> str:
    """The one id of all who score a topic."""
    return f"headrace-score-{topic}"


def group_of(topic: str) -> str:
    """The group whose offsets say how far a topic is scored and told."""
    return f"forest-score.{topic}"


def _ignore(_: KafkaError) -> None:
    """What ends a transaction is raised by it."""
