"""The topics that exist: read, and made to change, in batches."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Collection, Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from jobs import kafka
from jobs.errors import JobError
from jobs.topics.changes import Actual, Change, Plan

SEEN_BEFORE = (
    KafkaError.TOPIC_ALREADY_EXISTS,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
"""What a cluster says when somebody else made the change first: the next look decides."""


def read(client: AdminClient, names: Collection[str]) -> dict[str, Actual]:
    """Every topic by name, those of `names` with their settings.

    Raises:
        JobError: The cluster does not answer.
    """
    try:
        there = client.list_topics(timeout=kafka.REQUEST).topics
    except KafkaException as error:
        raise kafka.failed("list the topics", error) from error
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names if name in there]
    answers = client.describe_configs(resources, request_timeout=kafka.REQUEST) if resources else {}
    entries = {resource.name: _entries(resource.name, future) for resource, future in answers.items()}
    topics: dict[str, Actual] = {}
    for name, topic in there.items():
        if name in names and entries.get(name) is None:
            continue  # deleted between the two questions
        of_topic = entries.get(name) or {}
        topics[name] = Actual(
            partitions=len(topic.partitions),
            replication_factor=min((len(each.replicas) for each in topic.partitions.values()), default=0),
            configs={
                entry.name: entry.value or ""
                for entry in of_topic.values()
                if ConfigSource(entry.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG
            },
            effective={entry.name: entry.value or "" for entry in of_topic.values()},
            internal=name.startswith("__"),
        )
    return topics


def make(client: AdminClient, plan: Plan, *, validate_only: bool) -> None:
    """Ask the cluster for every change of a plan, in one request a kind.

    Args:
        client: It must live until the answers are there.
        plan: What to do.
        validate_only: Let the cluster judge each change without making it.

    Raises:
        JobError: The cluster refused at least one; all of them are named.
    """
    refused = [
        f"{topic}: {error.str()}"
        for topic, error in _ask(client, plan.changes, validate_only=validate_only)
        if error.code() not in SEEN_BEFORE
    ]
    if refused:
        raise JobError(
            f"the cluster refuses {len(refused)} of {len(plan.changes)} changes: {'; '.join(refused)}",
            hint="headrace topics plan",
            result=plan,
        )


def _ask(client: AdminClient, changes: Collection[Change], *, validate_only: bool) -> Iterator[tuple[str, KafkaError]]:
    options: dict[str, Any] = {"request_timeout": kafka.REQUEST}
    checked = options | {"validate_only": validate_only}
    new = [
        NewTopic(
            change.topic,
            num_partitions=change.shape("partitions") or -1,
            replication_factor=change.shape("replication_factor") or -1,
            config={each.name: each.after for each in change.configs if each.after is not None},
        )
        for change in changes
        if change.action == "create"
    ]
    grown = [
        NewPartitions(change.topic, count)
        for change in changes
        if change.action == "change" and (count := change.shape("partitions"))
    ]
    altered = [
        ConfigResource(
            ResourceType.TOPIC,
            change.topic,
            incremental_configs=[
                ConfigEntry(
                    each.name,
                    each.after,
                    incremental_operation=AlterConfigOpType.DELETE if each.after is None else AlterConfigOpType.SET,
                )
                for each in change.configs
            ],
        )
        for change in changes
        if change.action == "change" and change.configs
    ]
    gone = [change.topic for change in changes if change.action == "delete" and not validate_only]
    futures: list[tuple[Any, Any]] = []
    if new:
        futures += client.create_topics(new, **checked).items()
    if grown:
        futures += client.create_partitions(grown, **checked).items()
    if altered:
        futures += client.incremental_alter_configs(altered, **checked).items()
    if gone:
        futures += client.delete_topics(gone, **options).items()
    for asked, future in futures:
        if error := future.exception(timeout=kafka.REQUEST + kafka.PATIENCE):
            yield getattr(asked, "name", asked), kafka.reason(error)


def _entries(topic: str, future: Any) -> dict[str, ConfigEntry] | None:
    try:
        return future.result(timeout=kafka.REQUEST + kafka.PATIENCE)
    except KafkaException as error:
        if kafka.reason(error).code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise kafka.failed(f"read the settings of topic {topic}", error) from error
