"""What clients may ask of topics: which there are or match, how they are, and one more."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import asyncio
import time
from collections.abc import Collection
from typing import Annotated, Any

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType
from confluent_kafka.admin import NewTopic as Wanted
from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from jobs import kafka
from jobs.bridge.bodies import NewTopic
from jobs.bridge.refusals import RefusedError, refused

INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")
FRESH = 5.0
"""How long it is believed that Kafka can be reached, in seconds."""


class Topics:
    """The cluster's topics, as an admin client sees them.

    Raises:
        JobError: The cluster cannot be reached.
    """

    def __init__(self) -> None:
        self.client: AdminClient = kafka.admin()
        self.seen = time.monotonic()

    async def names(self) -> list[str]:
        """All topics but Kafka's own, in order."""
        there = await self._listed(kafka.REQUEST)
        return sorted(name for name in there.topics if name not in INTERNAL)

    async def reachable(self) -> bool:
        """Whether Kafka answers, or did so a moment ago."""
        if time.monotonic() - self.seen < FRESH:
            return True
        try:
            await self._listed(kafka.PATIENCE)
        except RefusedError:
            return False
        self.seen = time.monotonic()
        return True

    async def described(self, topic: str) -> dict[str, object]:
        """Name, settings and partitions.

        Raises:
            RefusedError: 404, there is no such topic.
        """
        partitions = await self.partitions(topic)
        resource = ConfigResource(ResourceType.TOPIC, topic)
        asked = self.client.describe_configs([resource], request_timeout=kafka.REQUEST)
        configs = await _answer(asked[resource])
        return {
            "name": topic,
            "configs": {each.name: each.value for each in configs.values()},
            "partitions": partitions,
        }

    async def partitions(self, topic: str) -> list[dict[str, object]]:
        """Number, leader and replicas of each partition."""
        asked = self.client.describe_topics(TopicCollection([topic]), request_timeout=kafka.REQUEST)
        return [_shown(each) for each in (await _answer(asked[topic])).partitions]

    async def partition(self, topic: str, number: int) -> dict[str, object]:
        """One partition.

        Raises:
            RefusedError: 404, there is no such topic or partition.
        """
        for each in await self.partitions(topic):
            if each["partition"] == number:
                return each
        raise RefusedError(404, "Specified partition does not exist.")

    async def offsets(self, topic: str, number: int) -> dict[str, object]:
        """Where a partition begins, and the offset that its next record will have."""
        await self.partition(topic, number)
        specs: list[Any] = [OffsetSpec.earliest(), OffsetSpec.latest()]
        place = TopicPartition(topic, number)
        ends = [self.client.list_offsets({place: spec}, request_timeout=kafka.REQUEST) for spec in specs]
        first, last = [(await _answer(next(iter(each.values())))).offset for each in ends]
        return {"beginning_offset": first, "end_offset": last}

    async def create(self, wanted: NewTopic) -> None:
        """Make a topic.

        Raises:
            RefusedError: 409, there is one. 422, the cluster does not take it so.
        """
        new = Wanted(
            wanted.topic_name,
            num_partitions=wanted.partitions_count or -1,
            replication_factor=wanted.replication_factor or -1,
        )
        asked = self.client.create_topics([new], request_timeout=kafka.REQUEST)
        await _answer(asked[wanted.topic_name])

    async def _listed(self, timeout: float) -> Any:
        try:
            return await asyncio.to_thread(self.client.list_topics, timeout=timeout)
        except KafkaException as error:
            raise refused(kafka.reason(error)) from error


async def _answer(future: Any) -> Any:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), kafka.REQUEST + kafka.PATIENCE)
    except KafkaException as error:
        raise refused(kafka.reason(error)) from error
    except TimeoutError as error:
        raise RefusedError(503, "Kafka does not answer") from error


def _shown(partition: Any) -> dict[str, object]:
    leader = -1 if partition.leader is None else partition.leader.id
    in_sync = {each.id for each in partition.isr}
    replicas = [
        {"broker": each.id, "leader": each.id == leader, "in_sync": each.id in in_sync} for each in partition.replicas
    ]
    return {"partition": partition.id, "leader": leader, "replicas": replicas}


def matching(pattern: str, topics: Collection[str]) -> list[str]:
    """The topics whose whole name matches, in order; Kafka's own are left out.

    By an engine whose time is linear: whoever may ask must not be able to stop the bridge with a pattern.

    Raises:
        RefusedError: 422, it is no pattern.
    """
    try:
        whole: TypeAdapter[str] = TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{pattern})$")])
    except SchemaError as error:
        raise RefusedError(422, f"topic_pattern: {error}") from error

    def matches(name: str) -> bool:
        try:
            whole.validate_python(name)
        except ValidationError:
            return False
        return True

    return sorted(name for name in topics if not name.startswith("__") and matches(name))
