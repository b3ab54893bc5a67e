"""Records produced and read back: the proof that a cluster works."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import time
from collections import Counter
from uuid import uuid4

from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from jobs import kafka
from jobs.cluster.health import Canary, percentile
from jobs.errors import JobError

TOPIC = "headrace.canary"

DEADLINE = 30.0
"""How long to wait for the last record, in seconds."""


def fly(client: AdminClient, records: int, partitions: int) -> Canary:
    """Produce records to the canary's topic, over all of its partitions, and read them back."""
    marks = _marks(client, partitions)
    consumer = kafka.consumer("headrace-canary")
    consumer.assign([TopicPartition(TOPIC, number, end) for number, (_, end) in marks.items()])
    run = uuid4().hex.encode()
    numbers = sorted(marks)
    seen: Counter[int] = Counter()
    latencies: list[float] = []

    def read() -> None:
        for message in consumer.consume(1000, timeout=0.005):
            name, _, sent_at = (message.value() or b"").partition(b" ")
            if not message.error() and message.key() == run:  # another check may fly beside this one
                seen[int(name)] += 1
                latencies.append((time.time_ns() - int(sent_at)) / 1e6)

    producer = kafka.producer(linger_ms=0)
    sender = kafka.Sender(TOPIC, producer)
    read()  # so that the consumer's first fetch is not counted as latency
    for number in range(records):
        value = b"%d %d" % (number, time.time_ns())
        sender.send(kafka.Record(value, run, numbers[number % len(numbers)]))
        if number % 100 == 0:
            read()
    give_up = time.monotonic() + DEADLINE
    while time.monotonic() < give_up and (producer.poll(0) or len(producer) or len(seen) < sender.deliveries.acked):
        read()
    consumer.close()
    return Canary(
        sent=records,
        acked=sender.deliveries.acked,
        read=len(seen),
        duplicated=sum(times > 1 for times in seen.values()),
        p50_ms=percentile(latencies, 0.5),
        p99_ms=percentile(latencies, 0.99),
    )


def _marks(client: AdminClient, partitions: int) -> dict[int, tuple[int, int]]:
    topic = NewTopic(TOPIC, partitions, config={"retention.ms": "3600000"})
    made = client.create_topics([topic], request_timeout=kafka.REQUEST)[TOPIC]
    error = made.exception(timeout=kafka.REQUEST)
    if error and kafka.reason(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
        raise kafka.failed(f"create topic {TOPIC}", error)
    visible = Retrying(
        retry=retry_if_exception_type(JobError),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(10),
        reraise=True,
    )
    return visible(kafka.watermarks, TOPIC, client=client)
