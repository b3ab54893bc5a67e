"""The newest alerts of the model, from their topic."""
# confluent-kafka types what it gives as Unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, Message, TopicPartition
from pydantic import TypeAdapter, ValidationError

from jobs import kafka

MARKS = 2
"""Offsets a record may take: each transaction ends with a mark, and a small one has a record only."""

ALERT = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Alerts:
    """The newest alerts.

    Args:
        topic: Their topic.
        exists: Whether there is such a topic.
        total: How many offsets it has, marks of transactions included.
        items: The alerts as they were sent, the newest first.
    """

    topic: str
    exists: bool
    total: int
    items: tuple[dict[str, Any], ...]


def newest(topic: str, most: int) -> Alerts:
    """The last alerts of every partition, the newest first.

    Args:
        topic: Their topic.
        most: At most so many.

    Raises:
        JobError: Kafka cannot be reached, or the topic cannot be read.
    """
    client = kafka.admin()
    if topic not in client.list_topics(timeout=kafka.REQUEST).topics:
        return Alerts(topic, exists=False, total=0, items=())
    bounds = kafka.watermarks(topic, client=client)
    total = sum(end - first for first, end in bounds.values())
    return Alerts(topic, exists=True, total=total, items=ordered(_tail(topic, bounds, most), most))


def ordered(values: Iterable[bytes | str | None], most: int) -> tuple[dict[str, Any], ...]:
    """The alerts among these values, the newest first; what is no JSON object is left out."""
    found: list[dict[str, Any]] = []
    for value in values:
        try:
            found.append(ALERT.validate_json(value or b""))
        except ValidationError:
            continue
    return tuple(sorted(found, key=_scored, reverse=True)[:most])


def _scored(alert: dict[str, Any]) -> float:
    scored = alert.get("scored")
    return float(scored) if isinstance(scored, int | float) else 0.0


def _tail(topic: str, bounds: dict[int, tuple[int, int]], most: int) -> list[bytes | str | None]:
    todo = {each: end for each, (first, end) in bounds.items() if first < end}
    reader = kafka.consumer(enable_partition_eof=True, auto_offset_reset="earliest")
    values: list[bytes | str | None] = []
    try:
        reader.assign(
            [TopicPartition(topic, each, max(bounds[each][0], end - MARKS * most)) for each, end in todo.items()]
        )
        give_up = time.monotonic() + kafka.REQUEST
        while todo and time.monotonic() < give_up:
            for record in reader.consume(1000, 0.1):
                _take(record, topic, todo, values)
    finally:
        reader.close()
    return values


def _take(record: Message, topic: str, todo: dict[int, int], values: list[bytes | str | None]) -> None:
    error, partition = record.error(), record.partition() or 0
    if error and error.name() == "_PARTITION_EOF":
        todo.pop(partition, None)
    elif error:
        raise kafka.failed(f"read {topic}", KafkaException(error))
    else:
        values.append(record.value())
        if (record.offset() or 0) + 1 >= todo.get(partition, 0):
            todo.pop(partition, None)
