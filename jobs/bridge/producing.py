"""Records on their way to Kafka: one producer for all clients, and an answer for each record."""
# confluent-kafka exports names without saying so:
# pyright: reportPrivateImportUsage=false

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from threading import Event, Lock, Thread

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from jobs import kafka
from jobs.bridge.formats import Sent
from jobs.bridge.metrics import Metrics
from jobs.bridge.refusals import RefusedError, refused
from jobs.errors import JobError

log = logging.getLogger(__name__)

DELIVERY = 20_000
"""How long a record may take to be written, in milliseconds: less than its client waits."""

UNKNOWN = 2_000
"""How long a topic that nobody knows may still appear, in milliseconds."""

FLUSH = 10.0
"""How long the last records may take when the bridge ends, in seconds."""

Outcome = tuple[int, int] | RefusedError
"""Partition and offset, or why not."""


class Batch:
    """The records of one request, and what becomes of each."""

    def __init__(self, count: int) -> None:
        self.outcomes: list[Outcome | None] = [None] * count
        self.left, self.lock = count, Lock()
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()

    def delivered(self, index: int, error: KafkaError | None, message: Message) -> None:
        """What the producer's thread reports."""
        self.settle(index, refused(error) if error else (message.partition() or 0, message.offset() or 0))

    def settle(self, index: int, outcome: Outcome) -> None:
        """The fate of one record, from any thread; the first that is known stays."""
        with self.lock:
            if self.outcomes[index] is not None:
                return
            self.outcomes[index] = outcome
            self.left -= 1
            last = not self.left
        if last:
            self.loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def give_up(self) -> None:
        """Answer for what is not known yet."""
        for index, outcome in enumerate(self.outcomes):
            if outcome is None:
                self.settle(
                    index, RefusedError(503, "The bridge ends, and it is not known whether the record was written")
                )


class Producing:
    """The producer, and a thread that hears what it has to say.

    Raises:
        JobError: The cluster cannot be reached.
    """

    def __init__(self, metrics: Metrics) -> None:
        # Java's partitioner: a key goes where every other client of the cluster puts it.
        self.client: Producer = kafka.producer(
            linger_ms=5,
            delivery_timeout_ms=DELIVERY,
            topic_metadata_propagation_max_ms=UNKNOWN,
            partitioner="murmur2_random",
        )
        self.metrics, self.batches, self.ended = metrics, set[Batch](), Event()
        self.thread = Thread(target=self._listen, name="bridge-deliveries", daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        while not self.ended.is_set():
            try:
                self.client.poll(0.1)
            except JobError as error:  # the credentials were taken back; who waits is told by each record
                log.error("%s", error)  # noqa: TRY400 - there is nothing more to know

    async def send(self, topic: str, records: Sequence[Sent]) -> list[Outcome]:
        """Write records, and wait until the fate of each is known; in the records' order."""
        batch = Batch(len(records))
        self.batches.add(batch)
        try:
            for index, record in enumerate(records):
                await self._produce(topic, record, batch, index)
            await batch.done
        finally:
            self.batches.discard(batch)
        outcomes = [each for each in batch.outcomes if each is not None]
        wrong = sum(isinstance(each, RefusedError) for each in outcomes)
        self.metrics.produced.labels("written").inc(len(outcomes) - wrong)
        self.metrics.produced.labels("refused").inc(wrong)
        return outcomes

    async def post(self, topic: str, records: Sequence[Sent]) -> None:
        """Write records without waiting; who loses one is told in the log and the metrics alone."""
        batch = Batch(len(records))
        self.batches.add(batch)
        for index, record in enumerate(records):
            await self._produce(topic, record, batch, index)
        batch.done.add_done_callback(partial(self._posted, topic, batch))

    def _posted(self, topic: str, batch: Batch, _: "asyncio.Future[None]") -> None:
        self.batches.discard(batch)
        wrong = [each for each in batch.outcomes if isinstance(each, RefusedError)]
        self.metrics.produced.labels("written").inc(len(batch.outcomes) - len(wrong))
        self.metrics.produced.labels("lost").inc(len(wrong))
        if wrong:
            log.error("%d records that nobody waited for were not written to %s: %s", len(wrong), topic, wrong[0])

    async def _produce(self, topic: str, record: Sent, batch: Batch, index: int) -> None:
        while True:
            try:
                self.client.produce(
                    topic,
                    record.value,
                    record.key,
                    record.partition,
                    headers=record.headers,
                    timestamp=record.timestamp,
                    on_delivery=partial(batch.delivered, index),
                )
            except BufferError:
                await asyncio.sleep(0.01)  # its queue is full: who sends waits
            except KafkaException as error:
                batch.settle(index, refused(kafka.reason(error)))
                return
            else:
                return

    def give_up(self) -> None:
        """Answer everybody who still waits: the bridge ends."""
        for batch in list(self.batches):
            batch.give_up()

    def close(self) -> None:
        """Write what is left, and say what could not be."""
        left = self.client.flush(FLUSH)
        self.ended.set()
        self.thread.join()
        if left:
            log.error("%d records were not written within %.0f s of the end", left, FLUSH)
