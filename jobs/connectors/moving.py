"""Reading and changing where a connector goes on."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import json
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from jobs import kafka
from jobs.ask import consent
from jobs.connect import Connect, Offset
from jobs.connectors import moves, rules
from jobs.connectors.judging import target
from jobs.connectors.moves import Action, Move, Partition, Step, To
from jobs.connectors.settling import await_states
from jobs.errors import JobError, UsageError

OPAQUE = "a source's positions are its plugin's own words: how many records lie between two of them, Connect can't say"
TELEGRAM = "Telegram itself remembers what was read: this position changes nothing"


def preview(connect: Connect, name: str, action: Action, to: str) -> Move:
    """What would be done, and nothing else.

    Raises:
        UsageError: `to` does not fit.
        JobError: There is no such connector.
    """
    if (action == "alter") != bool(to):
        raise UsageError("alter needs --to, and nothing else takes it", hint=moves.HINT)
    status, config = connect.statuses().get(name), connect.configs().get(name)
    if status is None or config is None:
        known = ", ".join(sorted(connect.configs())) or "none"
        raise JobError(f"there is no connector {name}; there is: {known}", hint="headrace connectors apply")
    state, place = target(status["connector"]["state"]), moves.parse(to) if to else To()
    if status["type"] == "sink":
        steps, note = _sink(connect, name, config, action, place), ""
    else:
        steps = _source(connect, name, action, place)
        note = TELEGRAM if rules.telegram_bot(config) else OPAQUE
    replayed, skipped = (sum(getattr(each, what) for each in steps) for what in ("replayed", "skipped"))
    return Move(name, status["type"], action, state, steps, replayed, skipped, note)


def move(connect: Connect, planned: Move, *, yes: bool) -> Move:
    """Do it: stop the connector, change its offsets, and let it go on as it did.

    Raises:
        UsageError: Nobody can be asked, and `yes` was not given.
        JobError: Somebody was, and said no; or the connector does not come to a stop.
    """
    if not yes and sys.stdin.isatty():
        sys.stderr.write(
            "\n".join(f"{each.partition}: {each.now} -> {each.then}" for each in planned.partitions) + "\n"
        )
    consent(planned.summary, yes=yes, preview=planned)
    name = planned.connector
    if planned.state != "STOPPED":
        connect.turn(name, "STOPPED")
    try:
        await_states(connect, {name: "STOPPED"})
        # A sink's group has members for a moment longer.
        patiently = Retrying(
            retry=retry_if_exception_type(JobError), wait=wait_fixed(0.5), stop=stop_after_delay(30), reraise=True
        )
        if planned.action == "reset":
            patiently(connect.reset, name)
        else:
            patiently(connect.alter, name, [_offset(planned.kind, each) for each in planned.partitions])
    finally:
        if planned.state != "STOPPED":
            connect.turn(name, planned.state)
    return replace(planned, applied=True)


def _sink(connect: Connect, name: str, config: dict[str, str], action: Action, place: To) -> tuple[Step, ...]:
    if place.position is not None:
        raise UsageError(f"{name} is a sink: it goes on at offsets", hint=moves.HINT)
    now: dict[Partition, int | None] = {
        (each.partition["kafka_topic"], each.partition["kafka_partition"]): (each.offset or {}).get("kafka_offset")
        for each in connect.offsets(name)
    }
    declared = [each.strip() for each in config.get("topics", "").split(",") if each.strip()]
    topics = sorted({*declared, *(topic for topic, _ in now)})
    bounds = {(topic, each): marks for topic in topics for each, marks in kafka.watermarks(topic).items()}
    if action == "list":
        return moves.sink(now, bounds, {})
    if action == "reset":
        place = To(edge="latest" if config.get("consumer.override.auto.offset.reset") == "latest" else "earliest")
    return moves.sink(now, bounds, _targets(place, bounds))


def _targets(place: To, bounds: dict[Partition, tuple[int, int]]) -> dict[Partition, int | None]:
    if place.each is not None:
        return dict(moves.named(place.each, sorted(bounds)))
    if place.time is not None:
        return _at(place.time, bounds)
    if place.offset is not None:
        return dict.fromkeys(bounds, place.offset)
    return {each: marks[place.edge == "latest"] for each, marks in bounds.items()}


def _at(time: datetime, bounds: dict[Partition, tuple[int, int]]) -> dict[Partition, int | None]:
    """The first offset of each partition that is not older, or its end."""
    # Not by AdminClient.list_offsets, which never answers when a time is after the last record (2.16.1).
    reader = kafka.consumer("headrace-connectors")
    try:
        at = int(time.timestamp() * 1000)
        found = reader.offsets_for_times([TopicPartition(*each, at) for each in bounds], timeout=kafka.REQUEST)
    except KafkaException as error:
        raise kafka.failed("ask for offsets", error) from error
    finally:
        reader.close()
    offsets = {(each.topic, each.partition): each.offset for each in found}
    return {each: offsets[each] if offsets[each] >= 0 else marks[1] for each, marks in bounds.items()}


def _source(connect: Connect, name: str, action: Action, place: To) -> tuple[Step, ...]:
    if action == "alter" and place.position is None:
        raise UsageError(f"{name} is a source: give --to the JSON object that its plugin understands", hint=moves.HINT)
    return tuple(Step(json.dumps(each.partition), each.offset, place.position) for each in connect.offsets(name))


def _offset(kind: str, step: Step) -> Offset:
    if kind == "source":
        return Offset(json.loads(step.partition), step.then)
    topic, _, number = step.partition.rpartition("-")
    place: dict[str, Any] | None = None if step.then is None else {"kafka_offset": step.then}
    return Offset({"kafka_topic": topic, "kafka_partition": int(number)}, place)
