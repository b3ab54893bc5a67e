"""Consumer groups: which of them read a topic, and how far they are."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Collection
from dataclasses import dataclass, field

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from jobs.kafka.client import REQUEST, answer


@dataclass(frozen=True)
class Group:
    """A consumer group and one topic.

    Args:
        name: The group.
        members: How many consumers it has now.
        offsets: The next offset it will read, by partition.
    """

    name: str
    members: int
    offsets: dict[int, int] = field(default_factory=dict[int, int])

    def __str__(self) -> str:
        """Its name, and whether it works."""
        return f"{self.name} ({self.members} members)" if self.members else f"{self.name} (nobody in it)"


def reading(client: AdminClient, topics: Collection[str]) -> dict[str, list[Group]]:
    """The groups that have committed offsets of each of these topics, by topic.

    Raises:
        JobError: The cluster does not answer.
    """
    listed = answer(client.list_consumer_groups(request_timeout=REQUEST), "list the consumer groups").valid
    names = sorted(each.group_id for each in listed)
    if not names:
        return {}
    described = client.describe_consumer_groups(names, request_timeout=REQUEST)
    # One request a group: that is how many groups the client asks for at once.
    asked = {
        name: client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], request_timeout=REQUEST)[name]
        for name in names
    }
    found: dict[str, list[Group]] = {}
    for name in names:
        members = len(answer(described[name], f"describe group {name}").members)
        offsets: dict[str, dict[int, int]] = {}
        for each in answer(asked[name], f"list the offsets of group {name}").topic_partitions:
            if each.topic in topics and each.offset >= 0:
                offsets.setdefault(each.topic, {})[each.partition] = each.offset
        for topic, of_topic in offsets.items():
            found.setdefault(topic, []).append(Group(name, members, of_topic))
    return found
