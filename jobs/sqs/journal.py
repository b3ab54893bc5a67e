"""Progress of exports, on the topic `headrace.exports`: one record a queue and topic, the last one counts.

A record is written while requests are under way and costs the export nothing; it survives the pod, its disk and the
lake. Compaction keeps the last one of each for ever.
"""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false

import time

from confluent_kafka import KafkaError, Message
from confluent_kafka.admin import AdminClient, NewTopic

from jobs import kafka
from jobs.errors import JobError
from jobs.sqs.progress import State

TOPIC = "headrace.exports"
CONFIG = {
    "cleanup.policy": "compact",
    "segment.bytes": "8388608",
    "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.1",
    "max.message.bytes": "8388608",
    "message.timestamp.type": "LogAppendTime",
}


class Journal:
    """The records of one queue and topic.

    Args:
        client: An admin client.
        key: The queue's ARN and the topic.
    """

    def __init__(self, client: AdminClient, key: str) -> None:
        self.key = key
        if TOPIC not in client.list_topics(timeout=kafka.REQUEST).topics:
            _create(client)
        self.producer = kafka.producer(linger_ms=0, message_max_bytes=8388608)
        self.writing = False
        self.error = ""

    def last(self) -> tuple[State, float] | None:
        """What was written last, and when, in epoch seconds by the broker's clock; None if nothing was."""
        found: Message | None = None
        for record in kafka.records(TOPIC):
            if record.key() == self.key.encode():
                found = record
        if found is None or not (value := found.value()):
            return None
        return State.model_validate_json(value), found.timestamp()[1] / 1000

    def write(self, state: State) -> None:
        """Begin to write; `writing` says until when."""
        self.writing = True
        self.producer.produce(TOPIC, state.model_dump_json(), self.key, 0, on_delivery=self._written)

    def poll(self) -> None:
        """Take in what the brokers say.

        Raises:
            JobError: They did not take a record.
        """
        self.producer.poll(0)
        if self.error:
            raise JobError(f"progress cannot be written to {TOPIC}: {self.error}", hint="headrace cluster check")

    def flush(self) -> None:
        """Wait until what is being written is there.

        Raises:
            JobError: The brokers did not take it.
        """
        self.producer.flush(kafka.REQUEST)
        self.error = self.error or ("no answer" if self.writing else "")
        self.poll()

    def _written(self, error: KafkaError | None, _: Message) -> None:
        self.writing = False
        if error is not None:
            self.error = error.str()


def _create(client: AdminClient) -> None:
    future = client.create_topics([NewTopic(TOPIC, 1, -1, config=CONFIG)], request_timeout=kafka.REQUEST)[TOPIC]
    try:
        kafka.answer(future, f"make {TOPIC}")
    except JobError as error:
        if "already exists" not in str(error):
            raise
    until = time.monotonic() + kafka.REQUEST
    while not getattr(client.list_topics(TOPIC, timeout=kafka.REQUEST).topics.get(TOPIC), "partitions", None):
        if time.monotonic() > until:
            raise JobError(f"{TOPIC} was made, but cannot be seen", hint="headrace cluster check")
        time.sleep(0.02)
