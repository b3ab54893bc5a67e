"""Letters on their way: what a topic takes of one, and what becomes of those that are larger."""
# confluent-kafka types its futures as Future[Unknown]:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from jobs import kafka
from jobs.dlq import letter
from jobs.dlq.letter import DeadLetter, Pointer
from jobs.errors import JobError

OVERHEAD = 2_048  # bytes of a batch, of its record, and of the envelope's headers without reason and key
Keep = Callable[[bytes, str], str]
"""Puts a value into the lake under its hash, and says in which table; "" if it can't."""


def topic_of(topic: str) -> str:
    """The topic of the dead letters of `topic`."""
    return f"{topic}.dlq"


@dataclass(frozen=True)
class Terms:
    """What a topic takes.

    Args:
        partitions: How many it has.
        largest: The most bytes of one record.
        keeps: For how many milliseconds it keeps a record from the record's own time on; 0 is for ever, or from its
            arrival on.
    """

    partitions: int
    largest: int
    keeps: int


def terms(topic: str, *, client: AdminClient | None = None) -> Terms:
    """What a topic takes.

    Raises:
        JobError: There is no such topic, or the cluster cannot be reached.
    """
    client = kafka.admin() if client is None else client
    partitions = len(kafka.describe(topic, client=client).partitions)  # names those near it
    resource = ConfigResource(ResourceType.TOPIC, topic)
    future = client.describe_configs([resource], request_timeout=kafka.REQUEST)[resource]
    said = {name: each.value for name, each in kafka.answer(future, f"read the settings of {topic}").items()}
    own = said["message.timestamp.type"] == "CreateTime" and "delete" in said["cleanup.policy"]
    return Terms(partitions, int(said["max.message.bytes"]), max(int(said["retention.ms"]), 0) if own else 0)


def limit(topic: str) -> int:
    """The most bytes that a topic takes in one record."""
    return terms(topic).largest


def send(topic: str, dead: Iterable[DeadLetter], run: str, keep: Keep | None = None) -> int:
    """Write dead letters, and return how many once the brokers have them all.

    Args:
        topic: The topic of dead letters.
        dead: The letters; what they don't say of run and time is filled in.
        run: The run that could not process them.
        keep: Where values go that the topic can't take; by default the table `dead/TOPIC` of the lake, by Spark.

    Raises:
        JobError: Some were not accepted.
    """
    largest = limit(topic)
    client = kafka.producer(message_max_bytes=max(largest, 1_000))
    ready = (_record(each) for each in fitting(dead, topic, largest, run, keep or _keep))
    delivered = kafka.produce(topic, ready, client)
    if delivered.acked != delivered.sent:
        raise JobError(
            f"{topic} accepted {delivered.acked} of {delivered.sent} dead letters: {delivered.error}",
            hint="headrace topics apply",
        )
    return delivered.acked


def fitting(dead: Iterable[DeadLetter], topic: str, largest: int, run: str, keep: Keep) -> Iterator[DeadLetter]:
    """The letters as they can be written: run and time are filled in, what is too large becomes a pointer."""
    for each in dead:
        full = replace(each, run=each.run or run, time=each.time or int(time.time() * 1000))
        if each.value is None or size(full) <= largest:
            yield full
            continue
        stored = keep(each.value, topic.removesuffix(".dlq"))
        pointer = Pointer(len(each.value), hashlib.sha256(each.value).hexdigest(), stored)
        yield replace(full, value=None, pointer=pointer)


def size(dead: DeadLetter) -> int:
    """At most how many bytes a letter takes on its topic."""
    own = sum(len(name.encode()) + len(value or b"") + 10 for name, value in dead.headers)
    texts = sum(len(each.encode()) for each in (dead.reason, dead.origin, dead.run))
    return OVERHEAD + len(dead.value or b"") + len(dead.key or b"") + texts + own


def unsent(topic: str, record: kafka.Record, reason: str) -> DeadLetter:
    """The letter of a record that a producer could not send: the same record again is the same letter."""
    said = hashlib.sha256(b"\0".join((record.key or b"", record.value or b""))).hexdigest()[:32]
    return DeadLetter(
        f"{topic}/unsent/{said}",
        reason,
        record.value,
        key=record.key,
        headers=tuple(record.headers or ()),
        timestamp=record.timestamp,
    )


def _record(dead: DeadLetter) -> kafka.Record:
    key, value, headers = letter.encode(dead)
    return kafka.Record(value, key, headers=[*headers])


def _keep(value: bytes, topic: str) -> str:
    from jobs.dlq import stored  # noqa: PLC0415 - Spark, which few letters need

    return stored.keep(value, topic)
