"""Messages that are too large for a queue: their body in S3, and in the queue where it is.

The form is that of AWS's extended client libraries for Java and Python, which put the body back when they receive:
a JSON list of a class and a place, and an attribute that says how large the body is.
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic_core import to_json

from jobs.errors import JobError
from jobs.sqs.queue import made

if TYPE_CHECKING:
    from collections.abc import Callable

POINTER = "software.amazon.payloadoffloading.PayloadS3Pointer"
SIZE = "ExtendedPayloadSize"

Attributes = dict[str, dict[str, str]]


def client() -> Any:
    """A client of S3 as the environment and the profile say it must be.

    Raises:
        JobError: They don't say it.
    """
    return made("s3")


class Store:
    """A bucket for large bodies.

    Args:
        bucket: Its name; without one, nothing is kept.
        queue: The queue's name: objects lie under it.
        client: Makes an S3 client.
        dry: Whether nothing may be written.
    """

    def __init__(self, bucket: str, queue: str, client: "Callable[[], Any]", *, dry: bool = False) -> None:
        self.bucket, self.queue, self.dry = bucket, queue, dry
        self._make, self._client = client, None
        self.kept = 0

    def keep(self, origin: str, body: str, attributes: Attributes) -> tuple[str, Attributes]:
        """Put a body into the bucket, and return what the queue is given instead.

        The object bears the name of its origin, so that a run that was killed and runs again writes it once.

        Raises:
            JobError: S3 does not take it.
        """
        data, key = body.encode(), f"{self.queue}/{origin}"
        if not self.dry:
            try:
                self._client = self._client or self._make()
                self._client.put_object(Bucket=self.bucket, Key=key, Body=data)
            except (BotoCoreError, ClientError) as error:
                raise JobError(
                    f"s3://{self.bucket}/{key} was not taken: {error}", hint="check the bucket, and s3:PutObject"
                ) from error
        self.kept += 1
        pointer = to_json([POINTER, {"s3BucketName": self.bucket, "s3Key": key}]).decode()
        return pointer, {**attributes, SIZE: {"DataType": "Number", "StringValue": str(len(data))}}
