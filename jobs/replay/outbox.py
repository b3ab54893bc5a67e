"""Records on their way: no more than a producer can hold, and of each it is known what became of it."""
# confluent-kafka types the messages of a batch as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import threading
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from jobs import kafka

log = logging.getLogger(__name__)

ROOM = 100_000
"""Records that may be on their way. Beyond that the sender waits: brokers that are slow hold it back."""

# Gapless: once a record has failed, nothing of its partition is written after it. So what is on the topic is always a
# beginning of what was to be sent, and its last record says where to go on.
CONFIG = {
    "enable_gapless_guarantee": True,
    # Only failures are told one by one: a call of Python for each of 100,000 a second holds the next ones up.
    "delivery_report_only_error": True,
    "queue_buffering_max_messages": 2 * ROOM,
    "queue_buffering_max_kbytes": 131_072,
    "delivery_timeout_ms": 300_000,
}


class Outbox:
    """Hands records to a producer and counts what becomes of them: produced = acked + failed once it is closed.

    Args:
        topic: Where they go.
        linger: How long a record may wait for others, in milliseconds.

    `turned` is when its user's loop last came round, by the monotonic clock.
    """

    def __init__(self, topic: str, linger: float) -> None:
        self.topic = topic
        self.client: Producer = kafka.producer(linger_ms=linger, error_cb=self._said, **CONFIG)
        self.stop = threading.Event()
        self.produced = self.failed = 0
        self.error = ""
        self.turned = time.monotonic()

    @property
    def waiting(self) -> int:
        """Records whose fate is not known yet."""
        return len(self.client)

    @property
    def acked(self) -> int:
        """Records that the brokers have: the producer holds them no more, and has not said that they failed."""
        return max(0, self.produced - self.failed - self.waiting)

    def post(self, records: list[dict[str, Any]]) -> None:
        """Hand over records in order, and wait while too many are on their way; nothing more once it is stopped.

        Args:
            records: What `Producer.produce` takes of each, by name: value, key, partition, headers, timestamp.
        """
        while self.waiting > ROOM and not self.failed and not self.stop.is_set():
            self._poll(0.05)
        if self.stop.is_set():
            return
        self.produced += len(records)
        if any("headers" in each for each in records):  # a batch has none
            for each in records:
                self._one(each)
        else:
            self._batch(records)

    def serve(self) -> None:
        """Hear what the producer has to tell, without waiting for it."""
        self._poll(0)

    def close(self, grace: float) -> None:
        """Wait until the fate of every record is known; once it is stopped, what has none after `grace` has failed.

        Args:
            grace: In seconds.
        """
        while len(self.client) and not self.stop.is_set():
            self.client.flush(0.2)
            self.turned = time.monotonic()
        if self.client.flush(grace):
            self.client.purge()
            self.client.flush()

    def _poll(self, seconds: float) -> None:
        self.turned = time.monotonic()
        self.client.poll(seconds)

    def _batch(self, records: list[dict[str, Any]]) -> None:
        while records:
            self.client.produce_batch(self.topic, records, on_delivery=self._delivered)
            refused = [(each, each.pop("_error")) for each in records if "_error" in each]
            records = [each for each, error in refused if error.name() == "_QUEUE_FULL"]
            for _, error in refused:
                if error.name() != "_QUEUE_FULL":
                    self._fail(error)
            if records:
                self._poll(0.05)

    def _one(self, record: dict[str, Any]) -> None:
        while True:
            try:
                return self.client.produce(self.topic, **record, on_delivery=self._delivered)
            except BufferError:
                self._poll(0.05)
            except KafkaException as error:
                return self._fail(kafka.reason(error))

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error:
            self._fail(error)

    def _said(self, error: KafkaError) -> None:
        """What librdkafka says between records; what it means for them, their own reports say."""
        if not error.fatal():
            log.warning("%s", error.str())

    def _fail(self, error: KafkaError) -> None:
        self.failed += 1
        if not self.error:
            self.error = error.str()
