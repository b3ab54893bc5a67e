"""A queue as it says it is: its limits and its identity. Endpoint, region and credentials are botocore's business."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from jobs.errors import JobError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

DEFAULT_MAX_BYTES = 262_144
"""AWS's default for a queue, for a server that does not say its own."""

CREDENTIALS = "set AWS_PROFILE, AWS_ACCESS_KEY_ID or a role, as for aws itself"

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
        capped: Whether it is a FIFO queue without high throughput: AWS takes 300 requests a second at most.
    """

    name: str
    url: str
    arn: str
    created: str
    limit: int
    fifo: bool
    capped: bool

    @property
    def id(self) -> str:
        """What tells it from a queue of the same name that was made later."""
        return f"{self.arn}@{self.created}"


def client() -> "SQSClient":
    """A client as the environment and the profile say it must be.

    Raises:
        JobError: They don't say it: no region, or a profile that is not there.
    """
    return made("sqs")


def made(service: str) -> Any:
    """A client of one of AWS's services, as botocore makes it.

    Raises:
        JobError: The environment and the profile don't say which region, or name a profile that is not there.
    """
    make: Any = boto3.client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        return make(service)
    except (BotoCoreError, ValueError) as error:
        raise JobError(f"no client of {service}: {error}", hint="set AWS_REGION, or AWS_PROFILE") from error


def find(sqs: "SQSClient", name: str, *, create: bool, dry: bool = False) -> Queue:
    """The queue of that name, made first if it may be; one that ends in `.fifo` is made for high throughput.

    Args:
        sqs: The client.
        name: The queue's name.
        create: Whether it may be made.
        dry: Whether it is only said what would be made.

    Raises:
        JobError: SQS does not answer, or there is no such queue.
    """
    try:
        url = _url(sqs, name, create=create, dry=dry)
        if not url:
            return described(name, "", {})
        said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
    except (BotoCoreError, ClientError) as error:
        raise JobError(f"no queue {name}: {error}", hint=_hint(error, name)) from error
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
        capped=said.get("FifoThroughputLimit") == "perQueue",
    )


def _hint(error: Exception, name: str) -> str:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        if code.endswith(("QueueDoesNotExist", "NonExistentQueue")):
            return f"headrace sqs export --queue={name} --create, or another AWS_REGION"
        return "aws sts get-caller-identity says who you are: check its rights, AWS_PROFILE and AWS_REGION"
    if isinstance(error, NoCredentialsError):
        return CREDENTIALS
    return "check AWS_ENDPOINT_URL_SQS and AWS_REGION"


def _url(sqs: "SQSClient", name: str, *, create: bool, dry: bool) -> str:
    """Where the queue is; nowhere if it would have to be made."""
    try:
        return sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        if not create:
            raise
    if dry:
        return ""
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
        raise JobError("there are no AWS credentials", hint=CREDENTIALS)
    return source.get_frozen_credentials
