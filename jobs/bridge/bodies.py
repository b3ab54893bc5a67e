"""The bodies of requests, as Strimzi's OpenAPI document has them: what does not fit is a 400 that says where."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.bridge.refusals import RefusedError

B = TypeVar("B", bound="Body")
Partition = Annotated[int, Field(ge=0, lt=2**31)]
Offset = Annotated[int, Field(ge=0, lt=2**63)]
TOPIC = r"[a-zA-Z0-9._-]{1,249}"
"""What Kafka lets a topic be called."""

Topic = Annotated[str, Field(pattern=f"^{TOPIC}$")]
SHOWN = 10
"""How many problems of a body are named."""


class Body(BaseModel):
    """One body: no other fields than these, and no number that is written as text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Header(Body):
    """A record's header; its value is base64 in every format."""

    key: str
    value: str | None = None


class PartitionRecord(Body):
    """A record for a partition that the address names; the timestamp is in epoch milliseconds."""

    value: Any
    key: Any = None
    headers: list[Header] = []
    timestamp: Offset | None = None


class TopicRecord(PartitionRecord):
    """A record, which may name its partition."""

    partition: Partition | None = None


class PartitionRecords(Body):
    """What is sent to one partition."""

    records: list[PartitionRecord] = []


class TopicRecords(Body):
    """What is sent to a topic."""

    records: list[TopicRecord] = []


class NewConsumer(Body):
    """A consumer instance and its settings, all of them optional."""

    name: str = ""
    format: str = "binary"
    auto_offset_reset: str = Field("latest", alias="auto.offset.reset")
    enable_auto_commit: bool = Field(True, alias="enable.auto.commit")
    fetch_min_bytes: Annotated[int, Field(ge=1, le=100_000_000)] = Field(1, alias="fetch.min.bytes")
    request_timeout_ms: Annotated[int, Field(ge=1, le=300_000)] = Field(30_000, alias="consumer.request.timeout.ms")
    isolation_level: str = Field("read_uncommitted", alias="isolation.level")


class Topics(Body):
    """What to subscribe to: names, or a pattern that must match the whole name."""

    topics: list[Topic] | None = None
    topic_pattern: str | None = None


class Place(Body):
    """A partition of a topic."""

    topic: Topic
    partition: Partition


class Partitions(Body):
    """Some partitions."""

    partitions: list[Place]


class Position(Place):
    """A place in a partition: the next offset to read."""

    offset: Offset


class Offsets(Body):
    """Some places."""

    offsets: list[Position] = []


class NewTopic(Body):
    """A topic to create; what is not said is the cluster's default."""

    topic_name: Topic
    partitions_count: Annotated[int, Field(ge=1)] | None = None
    replication_factor: Annotated[int, Field(ge=1, lt=2**15)] | None = None


def read(kind: type[B], text: bytes) -> B:
    """A body from its JSON; an empty one is an object without fields.

    Raises:
        RefusedError: 400, with what is wrong where.
    """
    try:
        return kind.model_validate_json(text or b"{}")
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}"
            for each in error.errors(include_url=False, include_context=False, include_input=False)[:SHOWN]
        ]
        raise RefusedError(400, "Validation error on: Schema validation error", found) from None
