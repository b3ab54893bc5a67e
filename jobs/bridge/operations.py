"""Every operation of the bridge, said once: its address, what it takes, what it answers, and what it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from jobs.bridge import answering, bodies, requests
from jobs.bridge.bodies import Body
from jobs.bridge.bridge import Bridge
from jobs.bridge.formats import BY_TYPE, PLAIN
from jobs.bridge.refusals import RefusedError
from jobs.bridge.requests import Asked

CONTROL = (PLAIN, "application/json")
DATA = tuple(BY_TYPE)
INSTANCE = "/consumers/{groupid}/instances/{name}"
Does = Callable[[Bridge, Asked], Awaitable[Response]]


@dataclass(frozen=True)
class Operation:
    """One operation.

    Args:
        name: Strimzi's `operationId`.
        method: Of HTTP.
        path: Its address.
        summary: What it does, in a sentence.
        does: What does it.
        body: What it takes; None is nothing.
        types: The content types that it takes.
        query: The parameters that it takes after the `?`: name and JSON type.
        statuses: What it may answer besides 401, 413 and 500, and what that means.
        open: Whether anybody may ask, without a key.
    """

    name: str
    method: str
    path: str
    summary: str
    does: Does
    body: type[Body] | None = None
    types: tuple[str, ...] = CONTROL
    query: dict[str, str] = field(default_factory=dict[str, str])
    statuses: dict[int, str] = field(default_factory=dict[int, str])
    open: bool = False


YES = {204: "Yes."}
MISSING = {404: "There is no such consumer."}
NO_TOPIC = {404: "There is no such topic or partition."}
UNASSIGNED = {404: "There is no such consumer, or a partition is not its own."}
WRITTEN = {
    200: "What became of each record, in their order: partition and offset, or `error_code` and `message`.",
    204: "Taken; nobody will say what became of them (`async=true`).",
    415: "The content type is none of the embedded formats.",
    422: "A record is not of the format, or there is none.",
}

OPERATIONS = (
    Operation("info", "GET", "/", "Say which bridge this is.", answering.info, statuses={200: "Its version."}),
    Operation("healthy", "GET", "/healthy", "Say whether the bridge runs.", answering.healthy, statuses=YES, open=True),
    Operation("ready", "GET", "/ready", "Say whether requests are welcome.", answering.ready, statuses=YES, open=True),
    Operation("metrics", "GET", "/metrics", "Tell Prometheus.", answering.metrics, statuses={200: "Metrics."}),
    Operation("openapi", "GET", "/openapi", "Show this document.", answering.openapi, statuses={200: "OpenAPI 3.1."}),
    Operation(
        "openapiv3", "GET", "/openapi/v3", "Show this document.", answering.openapi, statuses={200: "OpenAPI 3.1."}
    ),
    Operation(
        "listTopics", "GET", "/topics", "List the topics.", answering.list_topics, statuses={200: "Their names."}
    ),
    Operation(
        "createTopic",
        "POST",
        "/admin/topics",
        "Create a topic.",
        answering.create_topic,
        bodies.NewTopic,
        statuses={201: "Created.", 409: "There is one.", 422: "The cluster does not take it so."},
    ),
    Operation(
        "getTopic",
        "GET",
        "/topics/{topicname}",
        "Show a topic: settings and partitions.",
        answering.get_topic,
        statuses={200: "The topic.", **NO_TOPIC},
    ),
    Operation(
        "send",
        "POST",
        "/topics/{topicname}",
        "Send records to a topic.",
        answering.send,
        bodies.TopicRecords,
        DATA,
        {"async": "boolean"},
        WRITTEN,
    ),
    Operation(
        "listPartitions",
        "GET",
        "/topics/{topicname}/partitions",
        "List the partitions of a topic.",
        answering.list_partitions,
        statuses={200: "The partitions.", **NO_TOPIC},
    ),
    Operation(
        "getPartition",
        "GET",
        "/topics/{topicname}/partitions/{partitionid}",
        "Show a partition: leader and replicas.",
        answering.get_partition,
        statuses={200: "The partition.", **NO_TOPIC},
    ),
    Operation(
        "sendToPartition",
        "POST",
        "/topics/{topicname}/partitions/{partitionid}",
        "Send records to a partition.",
        answering.send_to_partition,
        bodies.PartitionRecords,
        DATA,
        {"async": "boolean"},
        WRITTEN,
    ),
    Operation(
        "getOffsets",
        "GET",
        "/topics/{topicname}/partitions/{partitionid}/offsets",
        "Show where a partition begins and ends.",
        answering.get_offsets,
        statuses={200: "Its first offset, and the next.", **NO_TOPIC},
    ),
    Operation(
        "createConsumer",
        "POST",
        "/consumers/{groupid}",
        "Make a consumer in a group.",
        answering.create_consumer,
        bodies.NewConsumer,
        statuses={
            200: "Its name and address.",
            409: "There is one of that name.",
            422: "A setting cannot have that value.",
            429: "There are too many consumers.",
        },
    ),
    Operation(
        "deleteConsumer",
        "DELETE",
        INSTANCE,
        "Delete a consumer.",
        answering.delete_consumer,
        statuses={204: "Deleted.", **MISSING},
    ),
    Operation(
        "subscribe",
        "POST",
        f"{INSTANCE}/subscription",
        "Subscribe to topics, by their names or by a pattern.",
        answering.subscribe,
        bodies.Topics,
        statuses={204: "Subscribed.", 409: "It is both, or partitions are assigned.", 422: "It is neither.", **MISSING},
    ),
    Operation(
        "unsubscribe",
        "DELETE",
        f"{INSTANCE}/subscription",
        "Read nothing any more.",
        answering.unsubscribe,
        statuses={204: "Unsubscribed.", **MISSING},
    ),
    Operation(
        "listSubscriptions",
        "GET",
        f"{INSTANCE}/subscription",
        "Show the topics that a consumer reads, and its partitions.",
        answering.subscriptions,
        statuses={200: "Topics and partitions.", **MISSING},
    ),
    Operation(
        "assign",
        "POST",
        f"{INSTANCE}/assignments",
        "Assign partitions to a consumer.",
        answering.assign,
        bodies.Partitions,
        statuses={204: "Assigned.", 409: "It is subscribed to topics.", **MISSING},
    ),
    Operation(
        "poll",
        "GET",
        f"{INSTANCE}/records",
        "Get the next records, as soon as there are any.",
        answering.poll,
        query={"timeout": "integer", "max_bytes": "integer"},
        statuses={
            200: "The records; none if none came in time.",
            406: "The Accept header asks for another format, or a record is nothing of it.",
            422: "One record alone is larger than `max_bytes`.",
            **MISSING,
        },
    ),
    Operation(
        "commit",
        "POST",
        f"{INSTANCE}/offsets",
        "Commit offsets: these, or those of all records fetched.",
        answering.commit,
        bodies.Offsets,
        statuses={204: "Committed.", **MISSING},
    ),
    Operation(
        "seek",
        "POST",
        f"{INSTANCE}/positions",
        "Go on from these offsets.",
        answering.seek,
        bodies.Offsets,
        statuses={204: "So it will.", **UNASSIGNED},
    ),
    Operation(
        "seekToBeginning",
        "POST",
        f"{INSTANCE}/positions/beginning",
        "Go on from the first record.",
        partial(answering.seek_to, end=False),
        bodies.Partitions,
        statuses={204: "So it will.", **UNASSIGNED},
    ),
    Operation(
        "seekToEnd",
        "POST",
        f"{INSTANCE}/positions/end",
        "Go on behind the last record.",
        partial(answering.seek_to, end=True),
        bodies.Partitions,
        statuses={204: "So it will.", **UNASSIGNED},
    ),
)


async def handle(operation: Operation, bridge: Bridge, request: Request) -> Response:
    """Answer one request, or raise why not."""
    owner = "" if operation.open else requests.owner(bridge, request)
    kind, text = request.headers.get("content-type", "").partition(";")[0].strip().lower(), b""
    if operation.body:
        text = await requests.body(request, bridge.max_body)
        if kind not in operation.types and (text or operation.types is DATA):
            raise RefusedError(415, f"Content-Type is one of {', '.join(operation.types)}")
    return await operation.does(bridge, Asked(request, owner, kind, text))
