"""A queue as it says it is: its limits and its identity. Endpoint, region and credentials are botocore's business."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from jobs.errors import JobError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

DEFAULT_MAX_BYTES = 262_144
"""AWS's default for a queue, for a server that does not say its own."""

FAST_FIFO = {"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}


@dataclass(frozen=True)
class Queue:
    """One queue.

    Args:
        name: Its name.
        url: Its address.
        arn: Its name in all of AWS.
        created: When it was made, in epoch seconds: a queue made again has another; empty if it is not said.
        limit: The most bytes of one message, and of one request.
        fifo: Whether it keeps order and drops what it has seen within five minutes.
        fast: Whether it is a high-throughput FIFO queue.
    """

    name: str
    url: str
    arn: str
    created: str
    limit: int
    fifo: bool
    fast: bool

    @property
    def id(self) -> str:
        """What tells it from a queue of the same name that was made later."""
        return f"{self.arn}@{self.created}"


def client() -> "SQSClient":
    """A client as the environment and the profile say it must be."""
    return boto3.client("sqs")  # pyright: ignore[reportUnknownMemberType]


def find(sqs: "SQSClient", name: str, *, create: bool) -> Queue:
    """The queue of that name, made first if it may be; one that ends in `.fifo` is made for high throughput.

    Raises:
        JobError: SQS does not answer, or there is no such queue.
    """
    try:
        url = _url(sqs, name, create=create)
        said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
    except (BotoCoreError, ClientError) as error:
        raise JobError(
            f"no queue {name}: {error}",
            hint=f"headrace sqs export --queue={name} --create, or check AWS_ENDPOINT_URL_SQS",
        ) from error
    return described(name, url, said)


def described(name: str, url: str, said: Mapping[Any, str]) -> Queue:
    """The queue that has these attributes."""
    return Queue(
        name=name,
        url=url,
        arn=said.get("QueueArn", name),
        created=said.get("CreatedTimestamp", ""),
        limit=int(said.get("MaximumMessageSize", DEFAULT_MAX_BYTES)),
        fifo=said.get("FifoQueue") == "true" or name.endswith(".fifo"),
        fast=said.get("FifoThroughputLimit") == "perMessageGroupId",
    )


def _url(sqs: "SQSClient", name: str, *, create: bool) -> str:
    try:
        return sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        if not create:
            raise
    attributes: Any = FAST_FIFO if name.endswith(".fifo") else {}
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def credentials(sqs: "SQSClient") -> Callable[[], Any]:
    """What gives the credentials that the client signs with, renewed by botocore when they must be.

    Raises:
        JobError: There are none.
    """
    found: Any = vars(sqs).get("_request_signer")
    source = getattr(found, "_credentials", None)
    if source is None:
        raise JobError(
            "there are no AWS credentials", hint="set AWS_PROFILE, AWS_ACCESS_KEY_ID or a role, as for aws itself"
        )
    return source.get_frozen_credentials
