"""When connectors and tasks came to be in their states: from the topic in which Connect keeps them.

Connect's REST interface gives no times. Its status topic does: each record is a state, and carries when it began. It is
also what remembers restarts, so that nothing else has to: a try that was compacted away is only one pause less.
"""

import json
import re
from datetime import UTC, datetime

from confluent_kafka import TopicPartition

from jobs import kafka, settings
from jobs.connectors.states import Histories, Mark, Part
from jobs.errors import JobError

LATEST = 5_000
"""How many records of each partition are read: hours of the worst flapping, and years of quiet."""

KEY = re.compile(r"status-(?:connector-(?P<connector>.+)|task-(?P<task>.+)-(?P<id>\d+))")


def read(topic: str = "") -> Histories | None:
    """The states of each part in order of time; None when no environment variable names Connect's status topic.

    Raises:
        JobError: It is named, and cannot be read.
    """
    topic = topic or settings.load(settings.Connect).status_topic
    if not topic:
        return None
    ends = {each: marks for each, marks in kafka.watermarks(topic).items() if marks[0] < marks[1]}
    reader = kafka.consumer("headrace-connectors", enable_partition_eof=True, auto_offset_reset="earliest")
    reader.assign([TopicPartition(topic, each, max(first, end - LATEST)) for each, (first, end) in ends.items()])
    found: dict[Part, list[Mark]] = {}
    todo = set(ends)
    try:
        while todo:
            for record in reader.consume(1000, 0.1):
                error, partition = record.error(), record.partition()
                if error and error.name() == "_PARTITION_EOF":
                    todo.discard(partition if partition is not None else -1)
                elif error:
                    raise JobError(f"cannot read {topic}: {error.str()}", hint=kafka.HINT)
                else:
                    key, value = record.key(), record.value()
                    keep(found, bytes(key or b"").decode(), bytes(value or b""), record.timestamp()[1])
    finally:
        reader.close()
    return found


def keep(found: dict[Part, list[Mark]], key: str, value: bytes, at: int) -> None:
    """Add one record of the status topic; `at` is its time in epoch milliseconds. What is no state is left out."""
    named = KEY.fullmatch(key)
    if not named:
        return
    part: Part = (named["connector"], None) if named["connector"] else (named["task"], int(named["id"]))
    state = json.loads(value)["state"] if value else "DESTROYED"
    found.setdefault(part, []).append(Mark(datetime.fromtimestamp(at / 1000, UTC), state))
