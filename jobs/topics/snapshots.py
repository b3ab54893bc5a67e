"""What a topic was, kept before it is deleted: its shape, its settings, and how far its groups were."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic
from pydantic import BaseModel, ConfigDict, ValidationError

from jobs import kafka
from jobs.errors import JobError, UsageError

TOPIC = "headrace.snapshots"
CONFIG = {"cleanup.policy": "compact", "max.message.bytes": "8388608"}


class Snapshot(BaseModel):
    """One topic as it was. Its records are not in here.

    Args:
        id: What it is restored by: `NAME@TIME`.
        cluster: The cluster's id.
        topic: The topic's name.
        topic_id: What the cluster called it.
        taken: When, in UTC.
        partitions: How many it had.
        replication_factor: How many replicas each had, at least.
        configs: What was set on it.
        offsets: The first and the end offset of each partition.
        groups: The next offset each group would have read, by group and partition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    cluster: str
    topic: str
    topic_id: str
    taken: str
    partitions: int
    replication_factor: int
    configs: dict[str, str]
    offsets: dict[int, tuple[int, int]]
    groups: dict[str, dict[int, int]]


def name(topic: str) -> str:
    """The id of a snapshot taken now."""
    return f"{topic}@{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"


def keep(client: AdminClient, snapshots: list[Snapshot], folder: str) -> None:
    """Write snapshots to the topic of snapshots, and each to a file of `folder` if one is given.

    Raises:
        JobError: They could not be kept; then nothing must be deleted.
    """
    if TOPIC not in client.list_topics(timeout=kafka.REQUEST).topics:
        made = client.create_topics([NewTopic(TOPIC, 1, -1, config=CONFIG)], request_timeout=kafka.REQUEST)[TOPIC]
        kafka.answer(made, f"make {TOPIC}")
    done = kafka.produce(
        TOPIC, (kafka.Record(each.model_dump_json().encode(), each.id.encode(), 0) for each in snapshots)
    )
    if done.failed:
        raise JobError(f"the snapshot could not be kept, so nothing was deleted: {done.error}", hint=kafka.HINT)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for each in snapshots:
            Path(folder, f"{each.id}.json").write_text(each.model_dump_json(indent=1) + "\n", encoding="utf-8")


def find(client: AdminClient, wanted: str) -> Snapshot:
    """The snapshot in a file, of an id, or the last one of a topic.

    Raises:
        UsageError: There is none.
    """
    path = Path(wanted)
    if path.is_file():
        try:
            return Snapshot.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError as error:
            raise UsageError(f"{path} is not a snapshot", hint="headrace topics restore TOPIC") from error
    there = everything(client)
    named = [each for each in there if wanted in (each.id, each.topic)]
    if not named:
        known = ", ".join(each.id for each in there[-5:]) or "none"
        raise UsageError(f"no snapshot {wanted}; the last ones are: {known}", hint="headrace topics restore TOPIC")
    return named[-1]


def everything(client: AdminClient) -> list[Snapshot]:
    """All that were kept on this cluster, oldest first."""
    if TOPIC not in client.list_topics(timeout=kafka.REQUEST).topics:
        return []
    return [Snapshot.model_validate_json(record.value() or b"") for record in kafka.records(TOPIC) if record.value()]
