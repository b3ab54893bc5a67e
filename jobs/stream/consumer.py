"""The loop: a batch is read, counted, and written with its offsets in one transaction, or undone and read again.

Whoever reads committed totals sees each record's effect once: a killed consumer's open transaction is undone by the
broker, and one that the group has put out cannot commit, for its offsets go with the generation it took part in.
"""
# confluent-kafka exports names without saying so, and types lists of partitions as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import time
from dataclasses import dataclass
from threading import Event
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from jobs import dlq, kafka
from jobs.dlq import letter
from jobs.dlq.sending import fitting
from jobs.errors import JobError
from jobs.replay.reading import span
from jobs.stream import transaction
from jobs.stream.counting import Counting
from jobs.stream.serving import Watch

log = logging.getLogger(__name__)
BATCH = 5_000
SESSION = 10_000  # milliseconds without a sign of life after which the others take a consumer's partitions
TRANSACTION = 20_000  # milliseconds that a killed one's open transaction hides what comes after it
TRIES = 5


@dataclass
class Done:
    """What was committed so far: `records = counted + duplicates + dead`."""

    records: int = 0
    counted: int = 0
    duplicates: int = 0
    dead: int = 0
    batches: int = 0
    undone: int = 0


class Worker:
    """One member of the group.

    Args:
        topic: Where transactions are; sums go to `TOPIC.totals`, what is none to `TOPIC.dlq`.
        remember: How many offsets back an id is known.
        every: How long a batch gathers at most, in seconds.
        lines: Whether to tell of each record.
        watch: What others see of it.
    """

    def __init__(self, topic: str, *, remember: int, every: float, lines: bool, watch: Watch) -> None:
        self.topic, self.remember, self.every, self.lines, self.watch = topic, remember, every, lines, watch
        for needed in (topic, totals_of(topic), dlq.topic_of(topic)):
            kafka.watermarks(needed)
        self.largest = dlq.limit(dlq.topic_of(topic))
        self.done = Done()
        self.parts: dict[int, Counting] = {}
        self.ended: set[int] = set()  # those of which nothing is left to read
        self.last = time.monotonic()  # when something came
        self.producer: Producer = kafka.producer(
            transactional_id=f"headrace-stream-{topic}/{uuid4().hex}",
            transaction_timeout_ms=TRANSACTION,
            delivery_timeout_ms=TRANSACTION - 5_000,
            linger_ms=5,
            message_max_bytes=max(self.largest, 1_000_000),
        )
        self.reader: Consumer = kafka.consumer(group_of(topic), session_timeout_ms=SESSION, enable_partition_eof=True)

    def run(self, ended: Event, idle: float) -> None:
        """Work until told to end, or until nothing came for `idle` seconds (0 is for ever).

        Raises:
            JobError: Kafka refuses this consumer, or takes nothing of it.
        """
        tries = 0
        try:
            self.producer.init_transactions(kafka.REQUEST)
            self.reader.subscribe([self.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
            while not ended.is_set():
                self.watch.turned = time.monotonic()
                batch = self._mine(self.reader.consume(BATCH, self.every))
                if not batch:
                    if idle and self._idle(idle):
                        return
                    continue
                self.last = time.monotonic()
                tries = 0 if self._take(batch) else tries + 1
                if tries == TRIES:
                    raise JobError(f"{self.topic}: {TRIES} batches in a row were undone", hint="see the log")
        except KafkaException as error:
            raise kafka.failed(f"count {self.topic}", error) from error
        finally:
            self.watch.ready = False
            self.reader.close()

    def _idle(self, seconds: float) -> bool:
        """Whether it has partitions, has read all of them, and nothing came since."""
        return bool(self.parts) and self.parts.keys() <= self.ended and time.monotonic() - self.last > seconds

    def _mine(self, batch: list[Message]) -> list[Message]:
        """The records that are next: what was fetched before a rebalance in the same call may not be, or come twice."""
        found: list[Message] = []
        for record in batch:
            partition, offset = record.partition() or 0, record.offset() or 0
            if error := record.error():
                if error.name() != "_PARTITION_EOF":
                    raise KafkaException(error)
                self.ended.add(partition)
                continue
            self.ended.discard(partition)
            part = self.parts.get(partition)
            if part and offset >= part.position:
                part.position = offset + 1
                found.append(record)
        return found

    def _take(self, batch: list[Message]) -> bool:
        """Count a batch and commit it; whether that went well. If not, all is as before it."""
        began = time.monotonic()
        try:
            self.producer.begin_transaction()
            done = self._count(batch)
            touched = {record.partition() or 0 for record in batch}
            for each in touched:
                for key, value in self.parts[each].written():
                    self.producer.produce(totals_of(self.topic), value, key)
            # Before the offsets: then whoever comes after these offsets finds all that goes with them.
            self.producer.flush(kafka.REQUEST)
            self.watch.turned = time.monotonic()
            offsets = [TopicPartition(self.topic, each, self.parts[each].position) for each in touched]
            kafka.send_offsets(self.producer, self.reader, offsets)
            self.producer.commit_transaction(kafka.REQUEST)
        except KafkaException as error:
            said: KafkaError = kafka.reason(error)
            if not said.txn_requires_abort() and not said.retriable():
                raise
            log.warning("%s: a batch is undone and read again: %s", self.topic, said.str())
            self.producer.abort_transaction(kafka.REQUEST)
            self._again()
            return False
        self._told(done, batch, time.monotonic() - began)
        return True

    def _count(self, batch: list[Message]) -> Done:
        done = Done(records=len(batch), batches=1)
        for record in batch:
            part, offset, value = self.parts[record.partition() or 0], record.offset() or 0, record.value()
            found = transaction.read(value)
            if isinstance(found, str):
                done.dead += 1
                self._bury(record, found)
            elif part.count(found, offset):
                done.counted += 1
            else:
                done.duplicates += 1
            if self.lines:
                log.info("%d/%d: %s", part.partition, offset, (value or b"").decode(errors="replace"))
        return done

    def _bury(self, record: Message, reason: str) -> None:
        own = tuple((name, each.encode() if isinstance(each, str) else each) for name, each in record.headers() or [])
        key, topic = record.key(), dlq.topic_of(self.topic)
        found = letter.DeadLetter(
            f"{self.topic}/{record.partition()}/{record.offset()}",
            reason,
            record.value(),
            key=key.encode() if isinstance(key, str) else key,
            headers=own,
            timestamp=max(record.timestamp()[1], 0),
        )
        # What no letter can hold is kept nowhere else here: the topic has it, and bronze will.
        (dead,) = fitting([found], topic, self.largest, "stream consume", _nowhere)
        said, value, headers = letter.encode(dead)
        self.producer.produce(topic, value, said, headers=[*headers])

    def _told(self, done: Done, batch: list[Message], seconds: float) -> None:
        for name in ("records", "counted", "duplicates", "dead", "batches"):
            setattr(self.done, name, getattr(self.done, name) + getattr(done, name))
        for outcome in ("counted", "duplicates", "dead"):
            self.watch.messages.labels(self.topic, outcome).inc(getattr(done, outcome))
        self.watch.batch.labels(self.topic).observe(seconds)
        oldest = min(record.timestamp()[1] for record in batch)
        self.watch.latency.labels(self.topic).observe(max(0.0, time.time() - oldest / 1000))

    def _again(self) -> None:
        """Go back to what is committed, on every partition."""
        self.done.undone += 1
        self.watch.undone.labels(self.topic).inc()
        for place in self._begun([*self.parts]):
            try:
                self.reader.seek(place)
            except KafkaException as error:  # it is being taken away: the next one goes on there
                log.warning("%s: %s", self.topic, error)
                self.parts.pop(place.partition, None)

    def _begun(self, partitions: list[int]) -> list[TopicPartition]:
        """Begin to count partitions where the group is; the ids of the last records before it are read again."""
        self.last = time.monotonic()
        self.ended.difference_update(partitions)
        ends = kafka.watermarks(self.topic)
        places = self.reader.committed([TopicPartition(self.topic, each) for each in partitions], kafka.REQUEST)
        looking: Consumer = kafka.consumer(enable_partition_eof=True)
        try:
            for place in places:
                first = ends[place.partition][0]
                if 0 <= place.offset < first:
                    gone = first - place.offset
                    log.warning("%s/%d: %d offsets expired before they were counted", self.topic, place.partition, gone)
                place.offset = max(place.offset, first)
                part = Counting(place.partition, place.offset, self.remember)
                begin = max(first, place.offset - self.remember)
                if begin < place.offset:
                    where = TopicPartition(self.topic, place.partition)
                    for record in span(looking, where, begin, place.offset):
                        found = transaction.read(record.value())
                        if not isinstance(found, str):
                            part.meet(found, record.offset() or 0)
                self.parts[place.partition] = part
        finally:
            looking.close()
        return places

    def _assigned(self, reader: Consumer, partitions: list[TopicPartition]) -> None:
        reader.assign(self._begun([each.partition for each in partitions]))
        self._says()
        self.watch.ready = True

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self.parts.pop(each.partition, None)
        self._says()

    def _lost(self, reader: Consumer, partitions: list[TopicPartition]) -> None:
        self._revoked(reader, partitions)

    def _says(self) -> None:
        log.info("%s: partitions %s", self.topic, ", ".join(map(str, sorted(self.parts))) or "none")
        self.watch.partitions.labels(self.topic).set(len(self.parts))


def totals_of(topic: str) -> str:
    """The topic of the sums."""
    return f"{topic}.totals"


def group_of(topic: str) -> str:
    """The group of all who count a topic."""
    return f"headrace-stream-{topic}"


def _nowhere(_: bytes, __: str) -> str:
    """Where a value is kept that is too large for a letter."""
    return ""
