"""What puts letters back: the record and the mark of its letter in one transaction, by one courier at a time.

Kafka lets one producer of a transactional id work. A courier's id is that of its topic, so a second one ends the first,
whose open transaction is undone; what a killed one left is undone likewise. What was committed is marked, and what is
marked is not put back again. So a letter is put back once, whoever tries how often.
"""
# confluent-kafka types its futures as Future[Unknown]:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from jobs import kafka
from jobs.dlq import letter
from jobs.dlq.index import Spot
from jobs.dlq.letter import Mark
from jobs.errors import JobError

TRANSACTION = 45_000  # milliseconds: how long a killed courier can hold up those who read committed records
FENCED = ("_FENCED", "_FATAL", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH")
OF_RECORD = ("MSG_SIZE_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP", "INVALID_MSG", "RECORD_LIST_TOO_LARGE")
LARGEST = 1_000_000_000  # librdkafka's own bound of message.max.bytes


@dataclass(frozen=True)
class Parcel:
    """One letter on its way back."""

    spot: Spot
    mark: Mark
    topic: str
    record: kafka.Record


class Courier:
    """Puts letters of one topic back.

    Args:
        topic: The topic of dead letters.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.faults: list[KafkaError] = []
        self.client: Producer = kafka.producer(
            transactional_id=transactional_id(topic),
            transaction_timeout_ms=TRANSACTION,
            delivery_timeout_ms=TRANSACTION - 15_000,
            message_max_bytes=LARGEST,
            partitioner="murmur2_random",  # as Java's producers, so that a key stays where it is
            error_cb=_ignore,
        )

    def begin(self) -> None:
        """End whoever works on this topic, and wait until what they did can be seen.

        Raises:
            JobError: That can't be, or somebody else's transaction stays open.
        """
        try:
            self.client.init_transactions(kafka.REQUEST)
        except KafkaException as error:
            raise kafka.failed(f"begin as {transactional_id(self.topic)}", error) from error
        ends = kafka.watermarks(self.topic, committed=False)
        until = time.monotonic() + kafka.REQUEST
        while any(end < ends[each][1] for each, (_, end) in kafka.watermarks(self.topic).items()):
            if time.monotonic() > until:
                raise JobError(
                    f"somebody's transaction is open on {self.topic}: which letters were put back can't be seen",
                    hint="kafka-transactions.sh find-hanging shows whose",
                )
            time.sleep(0.1)

    def carry(self, parcels: Sequence[Parcel]) -> list[tuple[Parcel, str]]:
        """Put letters back, all or none; those that the brokers refuse are left out, with the reason.

        Raises:
            JobError: Another courier took over, or the brokers do not answer.
        """
        try:
            self._transaction(parcels)
        except (KafkaException, SystemError) as error:
            said = fault(error)
            if said.name() in FENCED or said.fatal():
                raise JobError(
                    f"another redrive of {self.topic} took over; what this one had not committed is undone",
                    hint=f"headrace dlq list --topic={self.topic}",
                ) from error
            if not said.txn_requires_abort():
                raise kafka.failed(f"put letters of {self.topic} back", error) from error
            self.client.abort_transaction(kafka.REQUEST)
            cause = next((each for each in self.faults if not each.name().startswith("_PURGE")), said)
            if cause.name() not in OF_RECORD:
                raise kafka.failed(f"put letters of {self.topic} back", KafkaException(cause)) from error
            if len(parcels) == 1:
                return [(parcels[0], f"{parcels[0].topic} refuses it: {cause.str()}")]
            middle = len(parcels) // 2
            return self.carry(parcels[:middle]) + self.carry(parcels[middle:])
        return []

    def _transaction(self, parcels: Sequence[Parcel]) -> None:
        self.faults.clear()
        self.client.begin_transaction()
        for each in parcels:
            self._produce(each.topic, each.record)
            key, value, headers = letter.mark(each.mark)
            self._produce(self.topic, kafka.Record(value, key, each.spot.partition, [*headers]))
        self.client.flush(kafka.REQUEST)
        self.client.commit_transaction(kafka.REQUEST)

    def _produce(self, topic: str, record: kafka.Record) -> None:
        self.client.produce(
            topic,
            record.value,
            record.key,
            record.partition,
            headers=list(record.headers) if record.headers else None,
            timestamp=record.timestamp,
            on_delivery=self._delivered,
        )
        self.client.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self.faults.append(error)


def _ignore(_: KafkaError) -> None:
    """What ends a transaction is raised by it."""


def fault(error: BaseException) -> KafkaError:
    """What Kafka said; what ends the client is raised while it calls back, which Python calls a SystemError."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KafkaException):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        raise error
    return kafka.reason(cause)


def transactional_id(topic: str) -> str:
    """The one id of all who put letters of a topic back."""
    return f"headrace-redrive-{topic}"
