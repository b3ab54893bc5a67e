"""Copying slowly: the rates and marks that Kafka wants for it, set before a move and taken away after."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import logging
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourceType,
)

from jobs import kafka
from jobs.kafka.wire import ask
from jobs.topics.changes import THROTTLED, Actual, Replicas

log = logging.getLogger(__name__)

RATES = ("leader.replication.throttled.rate", "follower.replication.throttled.rate")


@contextmanager
def slowly(
    client: AdminClient, there: Mapping[str, Actual], target: Mapping[tuple[str, int], list[int]], rate: int
) -> Generator[None, None, None]:
    """Let new replicas be copied at `rate` bytes a second and broker; every trace is taken away at the end.

    A rate that somebody else has set on a broker is left as it is, and holds. What a killed process left is taken away
    by the next one: the marks on the topics go last, and tell that rates may be left too.
    """
    marks = marked({name: topic.replicas for name, topic in there.items()}, target)
    brokers = sorted({broker for to in target.values() for broker in to})
    resumed = any(name in topic.configs for topic in there.values() for name in THROTTLED)
    foreign = {broker for broker, rates in _rates(client, brokers).items() if rates and not resumed}
    if foreign:
        log.warning("brokers %s have replication rates of somebody else, which hold", sorted(foreign))
    ours = [broker for broker in brokers if broker not in foreign]
    if rate and marks:
        _set(client, {broker: dict.fromkeys(RATES, str(rate)) for broker in ours}, marks)
    yield
    _set(client, {broker: dict.fromkeys(RATES) for broker in ours if rate or resumed}, {})
    _set(client, {}, {name: dict.fromkeys(THROTTLED) for name in there})


def clear(client: AdminClient) -> None:
    """Take away what a killed process left on the brokers, now that nothing is on its way."""
    said = kafka.answer(client.describe_cluster(request_timeout=kafka.REQUEST), "describe the cluster")
    rates = _rates(client, [node.id for node in said.nodes])
    _set(client, {broker: dict.fromkeys(RATES) for broker, found in rates.items() if found}, {})


def marked(
    there: Mapping[str, Replicas], target: Mapping[tuple[str, int], list[int]]
) -> dict[str, dict[str, str | None]]:
    """The settings that name, for each topic, the replicas that are read and those that are made. Pure."""
    marks: dict[str, dict[str, str | None]] = {}
    for name, partitions in there.items():
        read = [f"{n}:{broker}" for n, replicas in enumerate(partitions) for broker in replicas]
        made = [
            f"{n}:{broker}"
            for n, replicas in enumerate(partitions)
            for broker in target.get((name, n), [])
            if broker not in replicas
        ]
        if made:
            marks[name] = dict(zip(THROTTLED, (",".join(read), ",".join(made)), strict=True))
    return marks


def sizes(wired: Any, topics: Collection[str]) -> dict[tuple[str, int, int], int]:
    """How many bytes each replica holds, by topic, partition and broker."""
    from kafka.protocol.admin import DescribeLogDirsRequest  # noqa: PLC0415

    brokers = [each["broker_id"] for each in wired.describe_cluster()["brokers"]]
    found: dict[tuple[str, int, int], int] = {}
    for broker in brokers:
        response = ask(wired, DescribeLogDirsRequest(topics=None), broker)
        for folder in response.results:
            for topic in folder.topics:
                if topic.name in topics:
                    for each in topic.partitions:
                        found[topic.name, each.partition_index, broker] = each.partition_size
    return found


def _rates(client: AdminClient, brokers: Collection[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for broker in brokers:
        resource = ConfigResource(ResourceType.BROKER, str(broker))  # librdkafka asks for one broker a call
        future = client.describe_configs([resource], request_timeout=kafka.REQUEST)[resource]
        entries = kafka.answer(future, f"read the settings of broker {broker}")
        found[broker] = {
            entries[name].value
            for name in RATES
            if name in entries and ConfigSource(entries[name].source) is ConfigSource.DYNAMIC_BROKER_CONFIG
        }
    return found


def _set(
    client: AdminClient, brokers: Mapping[int, Mapping[str, str | None]], topics: Mapping[str, Mapping[str, str | None]]
) -> None:
    resources = [
        ConfigResource(
            kind,
            str(name),
            incremental_configs=[
                ConfigEntry(
                    key,
                    value,
                    incremental_operation=AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET,
                )
                for key, value in settings.items()
            ],
        )
        for kind, wanted in ((ResourceType.BROKER, brokers), (ResourceType.TOPIC, topics))
        for name, settings in wanted.items()
    ]
    apart = [[each] for each in resources if each.restype == ResourceType.BROKER]  # librdkafka sets one broker a call
    for batch in [*apart, [each for each in resources if each.restype == ResourceType.TOPIC]]:
        if batch:
            for each, future in client.incremental_alter_configs(batch, request_timeout=kafka.REQUEST).items():
                kafka.answer(future, f"set the replication rate of {each.name}")
