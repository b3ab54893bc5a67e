"""What each job does with Kafka, as the least rights that let it: one entry for every job that needs Kafka."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["topic", "group", "cluster", "transactional_id"]
Operation = Literal[
    "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE"
]


@dataclass(frozen=True, order=True)
class Right:
    """One operation on one thing. READ, WRITE, DELETE and ALTER include DESCRIBE, so that is not said again.

    Args:
        kind: What kind of thing.
        name: Its name; in a role, `{topic}` is each topic the job is run on, `{declared}` each that it declares.
        operation: What may be done.
        pattern: Whether that is the whole name, or how names begin.
    """

    kind: Kind
    name: str
    operation: Operation
    pattern: Literal["LITERAL", "PREFIXED"] = "LITERAL"

    def __str__(self) -> str:
        """The right as a person reads it."""
        star = "..." if self.pattern == "PREFIXED" else ""
        return f"{self.operation} {self.kind} {self.name}{star}"


def topic(name: str, *operations: Operation) -> tuple[Right, ...]:
    """Rights on one topic."""
    return tuple(Right("topic", name, operation) for operation in operations)


def cluster(*operations: Operation) -> tuple[Right, ...]:
    """Rights on the cluster itself."""
    return tuple(Right("cluster", "kafka-cluster", operation) for operation in operations)


GROUP = Right("group", "headrace", "READ")  # the name that every consumer of a job bears
LOCK = (*topic("headrace.lock", "CREATE", "READ", "WRITE"), GROUP)
# A check of the whole cluster must see all topics: the one place where a name is a star.
LOOK = (*cluster("DESCRIBE", "DESCRIBE_CONFIGS"), *topic("*", "DESCRIBE", "DESCRIBE_CONFIGS"))
PLAN = (*cluster("DESCRIBE"), *topic("{declared}", "CREATE", "ALTER", "ALTER_CONFIGS", "DESCRIBE_CONFIGS"))
GROWTH = (*topic("{declared}", "READ"), Right("group", "*", "DESCRIBE"), GROUP)  # whom more partitions touch
UNDO = topic("headrace.snapshots", "CREATE", "READ", "WRITE")

MOVES = cluster("ALTER", "ALTER_CONFIGS", "DESCRIBE_CONFIGS")
"""What moving replicas takes besides. Kafka's ALTER on the cluster also lets its holder give rights and passwords to
anyone, so `topics apply` alone does not have it."""

BURY = topic("{topic}.dlq", "WRITE", "DESCRIBE_CONFIGS")  # what it takes of one letter is in its settings
HISTORY = (*topic("_connect-status", "READ"), Right("group", "headrace-connectors", "READ"))
LAG = (*topic("*", "DESCRIBE", "DESCRIBE_CONFIGS"), Right("group", "*", "DESCRIBE"), *cluster("DESCRIBE"))

ROLES: dict[str, tuple[Right, ...]] = {
    "windows list": topic("{topic}", "DESCRIBE"),
    "bronze load": (*topic("{topic}", "READ"), Right("group", "bronze-{topic}", "READ")),
    "silver clean": BURY,
    "gold build": (),
    "ledger show": topic("{topic}", "DESCRIBE"),
    "ledger verify": (*topic("{topic}", "READ"), *topic("{topic}.dlq", "READ"), GROUP),
    "dlq list": (*topic("{topic}", "READ"), *topic("{topic}.dlq", "READ"), GROUP),
    "replay topic": (*topic("{topic}", "READ", "WRITE"), GROUP),  # of both topics
    "dlq show": (*topic("{topic}", "READ"), *topic("{topic}.dlq", "READ"), GROUP),
    "dlq redrive": (
        *topic("{topic}", "WRITE", "DESCRIBE_CONFIGS"),
        *topic("{topic}.dlq", "READ", "WRITE"),
        Right("transactional_id", "headrace-redrive-{topic}.dlq", "WRITE"),
        GROUP,
    ),
    "stream consume": (
        *topic("{topic}", "READ"),
        *topic("{topic}.totals", "WRITE"),
        *BURY,
        Right("group", "headrace-stream-{topic}", "READ"),
        # Each member has an id of its own; no topic's name has a stroke, so none begins like another's.
        Right("transactional_id", "headrace-stream-{topic}/", "WRITE", "PREFIXED"),
        GROUP,
    ),
    "stream totals": (*topic("{topic}.totals", "READ"), GROUP),
    "replay send": (*topic("{topic}", "READ", "WRITE"), GROUP),  # it reads the end, to go on from there
    "sqs export": (
        *topic("{topic}", "READ"),
        *BURY,
        *topic("headrace.exports", "CREATE", "READ", "WRITE"),
        *LOCK,
    ),
    # What its clients may touch; the groups they read with are named by the user that runs it.
    "bridge serve": topic("{topic}", "READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS"),
    "alerts serve": (  # of the source and of the alerts
        *topic("{topic}", "READ"),
        Right("group", "headrace-alerts", "READ"),
        Right("group", "forest-score.{topic}", "DESCRIBE"),
    ),
    "forest score": (
        *topic("{topic}", "READ"),
        *BURY,
        *topic("alerts", "WRITE"),
        Right("group", "forest-score.{topic}", "READ"),
        Right("transactional_id", "headrace-score-{topic}", "WRITE"),
    ),
    "cluster check": (
        *LOOK,
        *topic("headrace.canary", "CREATE", "READ", "WRITE"),
        Right("group", "headrace-canary", "READ"),
    ),
    "connectors status": HISTORY,
    "connectors restart": HISTORY,
    "connectors offsets": (*HISTORY, *topic("*", "DESCRIBE")),
    "groups lag": LAG,
    "health check": (*LOOK, *LAG, *HISTORY),
    "health serve": (*LOOK, *LAG, *HISTORY),
    "api serve": (*LOOK, *LAG, *HISTORY, *topic("{topic}.dlq", "READ"), *topic("alerts", "READ"), GROUP),
    "topics plan": (*PLAN, *GROWTH),
    "topics apply": (*PLAN, *GROWTH, *LOCK),
    "topics delete": (*PLAN, *GROWTH, *LOCK, *UNDO, *topic("{declared}", "DELETE")),
    "topics restore": (*PLAN, *GROWTH, *LOCK, *UNDO),
    "access plan": (*cluster("DESCRIBE", "DESCRIBE_CONFIGS"),),
    "access apply": (*cluster("ALTER", "ALTER_CONFIGS", "DESCRIBE_CONFIGS"), *LOCK),
}
