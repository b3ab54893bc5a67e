"""What a change does to those who use a topic: said in the plan, before it is done."""

import logging

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from jobs import kafka
from jobs.kafka.groups import reading
from jobs.kafka.wire import wire
from jobs.topics import throttle
from jobs.topics.changes import Actual, Change, Plan

log = logging.getLogger(__name__)


def told(client: AdminClient, plan: Plan, there: dict[str, Actual]) -> Plan:
    """The plan, with notes on what growing and moving mean for records and groups."""
    grown = [each.topic for each in plan.changes if each.action == "change" and each.shape("partitions")]
    groups = reading(client, grown) if grown else {}
    notes: dict[str, list[str]] = {
        topic: growth(there[topic], _keyed(topic), [str(each) for each in groups.get(topic, [])]) for topic in grown
    }
    if plan.moves:
        with wire() as wired:
            sizes = throttle.sizes(wired, plan.moves)
        for topic, factor in plan.moves.items():
            held = {at[:2]: size for at, size in sizes.items() if at[0] == topic}
            notes.setdefault(topic, []).append(movement(there[topic], factor, held))
    changes = tuple(_noted(each, notes.get(each.topic, [])) for each in plan.changes)
    return plan.model_copy(update={"changes": changes})


def growth(topic: Actual, keyed: tuple[int, int], groups: list[str]) -> list[str]:
    """What more partitions mean. Pure.

    Args:
        topic: The topic as it is.
        keyed: How many of how many records that were looked at have a key.
        groups: Who reads it.
    """
    with_key, seen = keyed
    notes: list[str] = []
    if with_key:
        notes.append(
            f"keyed ({with_key} of {seen} records looked at): a key's next records go to another partition, "
            "so its order breaks once; let readers catch up first"
        )
    if "compact" in topic.effective.get("cleanup.policy", ""):
        notes.append(
            "compacted: a key's last value stays on its old partition too, and is never replaced there; "
            "readers of the whole topic see both"
        )
    if groups:
        notes.append(f"groups that are assigned anew: {', '.join(groups)}")
    return notes or ["nothing keyed was seen, and no group reads it"]


def movement(topic: Actual, factor: int, sizes: dict[tuple[str, int], int]) -> str:
    """What another number of replicas means. Pure; `sizes` in bytes by topic and partition."""
    numbers = dict(enumerate(topic.replicas))
    size = sum(max(0, factor - len(numbers[at[1]])) * each for at, each in sizes.items() if at[1] in numbers)
    if topic.moving:
        return f"{len(topic.moving)} partitions are on their way already: apply takes that up"
    copies = max(0, factor - min(topic.factors))
    if not copies:
        return "surplus replicas are deleted; the leaders stay"
    return f"copies about {size / 1e6:,.1f} MB between brokers, at most --throttle bytes a second each"


def _noted(change: Change, notes: list[str]) -> Change:
    return change.model_copy(update={"notes": (*change.notes, *notes)}) if notes else change


def _keyed(topic: str) -> tuple[int, int]:
    """How many of the last records of the partitions have a key, and how many were looked at."""
    ends = {number: end for number, (first, end) in kafka.watermarks(topic).items() if first < end}
    reader = kafka.consumer(auto_offset_reset="latest", enable_partition_eof=True)
    reader.list_topics(topic, timeout=kafka.REQUEST)
    reader.assign([TopicPartition(topic, number, max(0, end - 5)) for number, end in ends.items()])
    seen: list[bool] = []
    todo = set(ends)
    try:
        while todo and (record := reader.poll(2.0)) is not None:
            if record.error():
                todo.discard(record.partition() or 0)
            else:
                seen.append(record.key() is not None)
    finally:
        reader.close()
    return sum(seen), len(seen)
