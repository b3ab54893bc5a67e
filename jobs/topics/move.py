"""Replicas on their way to other brokers: begun, or found under way; slowed down; watched; verified."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import ElectionType, TopicPartition
from confluent_kafka.admin import AdminClient

from jobs import kafka
from jobs.errors import JobError
from jobs.kafka.wire import wire
from jobs.topics import actual, throttle
from jobs.topics.assign import assign
from jobs.topics.changes import Actual

log = logging.getLogger(__name__)

STALLED = 300.0
"""How long replicas may stand still before the move is called stuck, in seconds."""

TOLD = 10.0
"""How often to say how far it is, in seconds."""

Target = dict[tuple[str, int], list[int]]
"""The brokers that shall hold each partition."""


@dataclass(frozen=True)
class Progress:
    """How far a move is: partitions that are where they shall be, and bytes that have arrived of those to copy."""

    done: int
    partitions: int
    copied: int
    bytes: int


def run(client: AdminClient, moves: Mapping[str, int], rate: int, go: Callable[[], None]) -> None:
    """Give topics another number of replicas, and return when each partition has them in sync.

    Killed and run again it takes up what is under way: the cluster itself goes on meanwhile.

    Args:
        client: An admin client.
        moves: The topics, and how many replicas each shall have.
        rate: How many bytes a second each broker may copy; 0 for as many as it can.
        go: Called between the steps; it raises when there must not be another.

    Raises:
        JobError: The cluster refuses a partition, or nothing has moved for `STALLED` seconds.
    """
    _, brokers = actual.cluster(client)
    there = actual.read(client, moves)
    target = wanted(there, moves, brokers, _load(client))
    begun = {(name, number): list(to) for name, topic in there.items() for number, to in topic.moving.items()}
    for name, factor in moves.items():
        resumed = sum(begun.get(at) == to for at, to in target.items() if at[0] == name)
        how = f"; {resumed} partitions are under way already" if resumed else ""
        log.info("replication_factor of topic %s becomes %d%s", name, factor, how)
    with wire() as wired:
        go()
        with throttle.slowly(client, there, target, rate):
            _submit(wired, {at: to for at, to in target.items() if begun.get(at) != to})
            _await(client, wired, target, go)
    _lead(client, target)


def wanted(
    there: Mapping[str, Actual], moves: Mapping[str, int], brokers: Mapping[int, str], load: Mapping[int, int]
) -> Target:
    """Where each partition shall be: what is under way and leads there stays under way. Pure."""
    target: Target = {}
    busy = Counter(dict(load))
    for name, factor in moves.items():
        assigned = assign(there[name].replicas, brokers, factor, busy)
        for number, replicas in enumerate(assigned):
            going = there[name].moving.get(number, ())
            target[name, number] = list(going) if len(going) == factor and set(going) <= set(brokers) else replicas
            busy.update(set(target[name, number]) - set(there[name].replicas[number]))
    return target


def _load(client: AdminClient) -> Counter[int]:
    topics = client.list_topics(timeout=kafka.REQUEST).topics.values()
    return Counter(broker for topic in topics for each in topic.partitions.values() for broker in each.replicas)


def _submit(wired: Any, target: Target) -> None:
    from kafka.structs import TopicPartition as At  # noqa: PLC0415 - kafka-python's own

    answers = wired.alter_partition_reassignments({At(*at): to for at, to in target.items()}) if target else {}
    refused = [f"{at.topic}-{at.partition}: {error.__name__}" for at, error in answers.items() if error]
    if refused:
        raise JobError(f"the cluster refuses to move {', '.join(refused)}", hint="headrace cluster check")


def _await(client: AdminClient, wired: Any, target: Target, go: Callable[[], None]) -> None:
    began = told = moved = time.monotonic()
    before: Progress | None = None
    while (now := _progress(client, wired, target, measured=time.monotonic() - told > TOLD)).done < now.partitions:
        go()
        if before is None or (now.done, now.copied) > (before.done, before.copied):
            moved, before = time.monotonic(), now
        if time.monotonic() - moved > STALLED:
            raise JobError(
                f"{now.partitions - now.done} of {now.partitions} partitions have not moved for {STALLED:.0f} s: "
                f"{', '.join(_lagging(client, target))}",
                hint="headrace cluster check; then the same command again, which takes up what is under way",
            )
        if time.monotonic() - told > TOLD:
            told = time.monotonic()
            log.info("%s", _story(now, told - began))
        time.sleep(0.5)


def _story(now: Progress, seconds: float) -> str:
    said = f"moved {now.done} of {now.partitions} partitions, {now.copied / 1e6:,.1f} of {now.bytes / 1e6:,.1f} MB"
    left = (now.bytes - now.copied) / (now.copied / seconds) if now.copied else 0
    return f"{said}, about {left:.0f} s left" if left else said


def _progress(client: AdminClient, wired: Any, target: Target, *, measured: bool) -> Progress:
    late = _lagging(client, target)
    copied = total = 0
    if measured and late:
        sizes = throttle.sizes(wired, {name for name, _ in target})
        for at, to in target.items():
            held = [sizes.get((*at, broker), 0) for broker in to]
            total += max(held, default=0) * len(to)
            copied += sum(held)
    return Progress(len(target) - len(late), len(target), copied, total)


def _lagging(client: AdminClient, target: Target) -> list[str]:
    """The partitions that are not, in full and in sync, where they shall be."""
    topics = client.list_topics(timeout=kafka.REQUEST).topics
    late: list[str] = []
    for (name, number), to in target.items():
        each = topics[name].partitions[number] if name in topics else None
        if each is None or set(each.replicas) != set(to) or not set(to) <= set(each.isrs):
            late.append(f"{name}-{number}")
    return late


def _lead(client: AdminClient, target: Target) -> None:
    """Let the first replica of each partition lead, where it does not."""
    topics = client.list_topics(timeout=kafka.REQUEST).topics
    others = [TopicPartition(*at) for at, to in target.items() if topics[at[0]].partitions[at[1]].leader != to[0]]
    if others:
        kafka.answer(client.elect_leaders(ElectionType.PREFERRED, others), "elect the preferred leaders")
