"""Doing a plan: make what differs and look again, until nothing does, whoever made it, and whenever it shows."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from confluent_kafka.admin import AdminClient
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_exponential

from jobs.errors import JobError
from jobs.kafka.wire import ask, wire
from jobs.topics import actual, move, throttle
from jobs.topics.changes import THROTTLED, Change, Plan

log = logging.getLogger(__name__)

SETTLE = 120
"""How long a cluster may take to show a change that it accepted, in seconds: a broker shows nothing new while it makes
the folders of thousands of partitions (6,000 took a busy one 70 s)."""

AGAIN = 5.0
"""When to ask again for what was accepted and does not show, in seconds."""


def converge(client: AdminClient, look: Callable[[], Plan], rate: int, go: Callable[[], None]) -> None:
    """Do what `look` finds until it finds nothing, and return when every broker shows it.

    Args:
        client: An admin client.
        look: What is still to be done.
        rate: How many bytes a second each broker may copy when replicas move; 0 for no limit.
        go: Called before each step; it raises when there must not be another.

    Raises:
        JobError: The cluster refuses a change, or accepts it and does not show it.
    """
    asked: dict[Change, float] = {}

    def step() -> Plan:
        found = look()
        quick = found.at_once()
        new = [each for each in quick.changes if monotonic() - asked.get(each, -AGAIN) >= AGAIN]
        for change in new:
            log.log(logging.DEBUG if change in asked else logging.INFO, "%s topic %s", change.action, change.topic)
        if new and all(each in asked for each in new):
            log.info("waiting for the brokers to show %d changes that they accepted", len(quick.changes))
        if any(each.name in THROTTLED for change in new for each in change.settings):
            throttle.clear(client)  # a move ended, and whoever watched it was killed
        actual.make(client, quick.model_copy(update={"changes": tuple(new)}), validate_only=False, go=go)
        asked.update(dict.fromkeys(new, monotonic()))
        return found if not quick.changes else quick

    found = _until(step, lambda plan: bool(plan.at_once().changes))
    if found.moves:
        move.run(client, found.moves, rate, go)
        found = _until(look, lambda plan: bool(plan.changes))


def visible(client: AdminClient, topics: dict[str, int]) -> None:
    """Return when every broker, asked itself, knows these topics with as many partitions.

    Raises:
        JobError: One of them still does not.
    """
    brokers = actual.cluster(client)[1]
    if len(brokers) < 2 or not topics:
        return  # the only one has just said so
    from kafka.protocol.metadata import MetadataRequest  # noqa: PLC0415 - kafka-python loads slowly

    until = monotonic() + SETTLE
    with wire() as wired:
        for broker in brokers:
            while late := _unknown(ask(wired, _request(MetadataRequest, topics), broker), topics):
                if monotonic() > until:
                    raise JobError(
                        f"broker {broker} does not know {', '.join(late)} yet, {SETTLE} s after they were made",
                        hint="headrace cluster check",
                    )


def _request(kind: Any, topics: dict[str, int]) -> Any:
    named = [kind.MetadataRequestTopic(name=name) for name in topics]
    return kind(topics=named, allow_auto_topic_creation=False)


def _unknown(response: Any, topics: dict[str, int]) -> list[str]:
    there = {each.name: len(each.partitions) for each in response.topics if not each.error_code}
    return [name for name, partitions in topics.items() if there.get(name, 0) < partitions]


def _until(step: Callable[[], Plan], differs: Callable[[Plan], bool]) -> Plan:
    def give_up(state: RetryCallState) -> Plan:
        found: Plan = state.outcome.result() if state.outcome else step()
        topics = ", ".join(change.topic for change in found.changes)
        raise JobError(
            f"the cluster accepted the changes, but after {SETTLE} s these topics still differ: {topics}",
            hint="headrace topics plan",
            result=found,
        )

    return Retrying(
        retry=retry_if_result(differs),
        wait=wait_exponential(multiplier=0.05, max=1),
        stop=stop_after_delay(SETTLE),
        retry_error_callback=give_up,
    )(step)
