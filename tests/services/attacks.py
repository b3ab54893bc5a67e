"""Traffic as `replay send` and `forest score` make it, for the live page: a source, a scorer's offsets, and alerts."""

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SERVICES = {"dos": "http", "probe": "eco_i", "r2l": "ftp_data", "u2r": "telnet"}
LABELS = {"dos": "neptune", "probe": "ipsweep", "r2l": "warezclient", "u2r": "rootkit"}


class Attacks:
    """A source topic and a topic of alerts of a test's own."""

    def __init__(self, servers: str, topic: str = "", partitions: int = 2) -> None:
        self.settings: dict[str, Any] = {"bootstrap.servers": servers}
        self.topic, self.partitions = topic or f"demo-{uuid4().hex[:8]}", partitions
        self.alerts, self.group = f"{self.topic}-alerts", f"forest-score.{self.topic}"
        self.admin = AdminClient(self.settings)
        self.producer = Producer({**self.settings, "linger.ms": 5})
        self.count, self.random = 0, random.Random(8)  # noqa: S311 - the same pictures each time

    def create(self) -> None:
        """Make both topics."""
        wanted = [NewTopic(each, self.partitions) for each in (self.topic, self.alerts)]
        for done in self.admin.create_topics(wanted).values():
            done.result()

    def delete(self) -> None:
        """Take all of it away."""
        for done in self.admin.delete_topics([self.topic, self.alerts]).values():
            done.exception()
        self.admin.delete_consumer_groups([self.group])[self.group].exception()

    def records(self, count: int) -> None:
        """Send so many connections."""
        for number in range(count):
            self.producer.produce(self.topic, b"0,tcp,http,SF", partition=number % self.partitions)
            self.producer.poll(0)
        assert self.producer.flush(30) == 0

    def scored(self, *offsets: int) -> None:
        """Let the scorer have read up to these offsets."""
        reader = Consumer({**self.settings, "group.id": self.group})
        places = [TopicPartition(self.topic, number, offset) for number, offset in enumerate(offsets)]
        reader.commit(offsets=places, asynchronous=False)
        reader.close()

    def alert(self, said: str = "dos", **changed: Any) -> dict[str, Any]:
        """One alert, as it is on the topic."""
        self.count += 1
        now = int(time.time() * 1000)
        return {
            "id": f"{self.topic}/0/{self.count}",
            "topic": self.topic,
            "partition": 0,
            "offset": self.count,
            "produced": now - 800,
            "scored": now,
            "said": said,
            "probability": 0.97,
            "label": LABELS[said],
            "class": said,
            "model": 1,
            "protocol_type": "tcp",
            "service": SERVICES[said],
            "src_bytes": 1032,
            "dst_bytes": 0,
        } | changed

    def send(self, *alerts: dict[str, Any] | bytes, key: bytes = b"1-17", producer: Producer | None = None) -> None:
        """Send alerts, or bytes that are none, and wait for the answer unless the producer is given."""
        client = producer or self.producer
        for each in alerts:
            client.produce(self.alerts, each if isinstance(each, bytes) else json.dumps(each), key)
        if producer is None:
            assert client.flush(30) == 0

    def some(self, count: int, at: float) -> Iterator[dict[str, Any]]:
        """So many alerts as a model that is mostly right says them, scored at a moment."""
        for _ in range(count):
            said = self.random.choices(list(LABELS), [80, 14, 5, 1])[0]
            missed, known = self.random.random() < 0.04, self.random.random() < 0.9
            actual = self.random.choice(["normal", "probe", "dos"]) if missed else said
            took = int(min(9000, 250 + self.random.expovariate(1 / 260)))
            yield self.alert(
                said,
                produced=int(at * 1000) - took,
                scored=int(at * 1000),
                probability=round(self.random.betavariate(9, 1), 3),
                label=(LABELS.get(actual, "normal") if known else None),
                **{"class": actual if known else None},
                src_bytes=int(self.random.paretovariate(0.7) * 20) % 90_000,
                dst_bytes=int(self.random.paretovariate(0.8) * 10) % 60_000,
            )


@contextmanager
def attacks(made: Attacks) -> Iterator[Attacks]:
    """Both topics, for as long as they are needed."""
    made.create()
    try:
        yield made
    finally:
        made.delete()
