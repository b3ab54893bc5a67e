"""What the bridge refuses, as its clients are told: an HTTP status and a body of `error_code` and `message`."""
# confluent-kafka exports names without saying so:
# pyright: reportPrivateImportUsage=false

from collections.abc import Sequence

from confluent_kafka import KafkaError

UNREACHABLE = ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_MSG_TIMED_OUT", "_RESOLVE", "REQUEST_TIMED_OUT")
STATUS = {
    "UNKNOWN_TOPIC_OR_PART": 404,
    "_UNKNOWN_TOPIC": 404,
    "_UNKNOWN_PARTITION": 404,
    "TOPIC_AUTHORIZATION_FAILED": 403,
    "GROUP_AUTHORIZATION_FAILED": 403,
    "CLUSTER_AUTHORIZATION_FAILED": 403,
    "MSG_SIZE_TOO_LARGE": 413,
    "TOPIC_ALREADY_EXISTS": 409,
    "ILLEGAL_GENERATION": 409,
    "UNKNOWN_MEMBER_ID": 409,
    "REBALANCE_IN_PROGRESS": 409,
    "TOPIC_EXCEPTION": 422,
    "INVALID_PARTITIONS": 422,
    "INVALID_REPLICATION_FACTOR": 422,
    "INVALID_CONFIG": 422,
    "POLICY_VIOLATION": 422,
    "INVALID_TIMESTAMP": 422,
    **dict.fromkeys(UNREACHABLE, 503),
}
"""The status of Kafka's own errors; any other is 500."""


class RefusedError(Exception):
    """A request, or one record of it, is not done.

    Args:
        code: The HTTP status.
        message: Why, for people.
        problems: What is wrong with the body, each in a sentence; `validation_errors` in the answer.
    """

    def __init__(self, code: int, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.problems = code, message, tuple(problems)

    def body(self) -> dict[str, object]:
        """What the answer says."""
        said: dict[str, object] = {"error_code": self.code, "message": self.message}
        return said | ({"validation_errors": list(self.problems)} if self.problems else {})


def refused(error: KafkaError) -> RefusedError:
    """What Kafka said, as the bridge says it."""
    return RefusedError(STATUS.get(error.name(), 500), error.str())


def instance_missing() -> RefusedError:
    """No such consumer; another key's is none either."""
    return RefusedError(404, "The specified consumer instance was not found.")


def exclusive() -> RefusedError:
    """A consumer either subscribes or is assigned partitions."""
    return RefusedError(409, "Subscriptions to topics, partitions, and patterns are mutually exclusive.")
