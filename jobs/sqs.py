"""SQS: rows of a table as messages of a queue, each accounted for."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs import dlq
from jobs.errors import JobError, UsageError
from jobs.job import job
from jobs.lake import Entry, Table
from jobs.spark import session

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

log = logging.getLogger(__name__)
ENTRIES = 10  # of one SendMessageBatch, by SQS's quota
DEFAULT_MAX_BYTES = 262_144  # AWS's default for a queue; ElasticMQ does not say its own
CHUNK = 1_000  # messages sent between two entries of the ledger: at most so many are sent again after a kill
SCHEMA = "id string, queue string, source string, message_id string, refused string, load long"


@dataclass(frozen=True)
class Message:
    """One message, identified by what it says: the same row again is the same message."""

    id: str
    body: str

    @property
    def size(self) -> int:
        """Its size in bytes, as SQS counts it."""
        return len(self.body.encode())


@dataclass(frozen=True)
class Verdict:
    """What the queue said of one message: its id there, or why it was refused."""

    message: Message
    message_id: str = ""
    refused: str = ""
    transient: str = ""


@dataclass(frozen=True)
class Exported:
    """What one export did: `sent = accepted + dead`.

    Args:
        queue: The queue's name.
        sent: Messages that were sent in this run.
        accepted: Of these, those that the queue has.
        dead: Of these, those that it will never take; they are dead letters.
        before: Messages that earlier runs had exported already.
    """

    queue: str
    sent: int
    accepted: int
    dead: int
    before: int


@job("spark", cpu="500m", memory="512Mi", retries=3, minutes=60, needs=("kafka", "lake", "spark", "sqs"))
def export(table: str, queue: str, *, dlq_topic: str = "", create: bool = False) -> Exported:
    """Send the rows of a table that the queue has not got yet, each as a JSON object.

    Args:
        table: Layer and table, for example `gold/messages`.
        queue: The queue's name.
        dlq_topic: Where refused messages go; by default the `.dlq` of the table's topic.
        create: Make the queue if it does not exist.
    """
    client, url = connect(queue, create=create)
    limit = max_bytes(client, url)
    spark = session("sqs-export")
    source, done = Table(spark, table), Table(spark, f"exports/{queue}")
    if not source.ledger():
        raise UsageError(f"there is no table {table}", hint="headrace gold build --help")
    ledger = done.ledger()
    messages = (Message(*row) for row in pending(source, done.read() if ledger else None).toLocalIterator())
    before = sum(entry.rows for entry in ledger)
    accepted = dead = 0
    for number, chunk in enumerate(chunks(messages, CHUNK), len(ledger) + 1):
        verdicts = [each for batch in batches(chunk, limit) for each in send(client, url, batch)]
        settled = [each for each in verdicts if not each.transient]
        refused = [each for each in settled if each.refused]
        if refused:
            topic = dlq_topic or dlq.topic_of(table.partition("/")[2])
            letters = (
                dlq.DeadLetter(f"{table}/{each.message.id}", each.refused, each.message.body.encode())
                for each in refused
            )
            dlq.send(topic, letters, os.environ.get("HEADRACE_RUN", "by hand"))
        rows = [(each.message.id, queue, table, each.message_id, each.refused or None, number) for each in settled]
        if rows:
            counts = {"accepted": len(settled) - len(refused), "dead": len(refused)}
            done.commit(spark.createDataFrame(rows, SCHEMA), Entry(number, counts=counts))
        accepted += len(settled) - len(refused)
        dead += len(refused)
        if left := [each for each in verdicts if each.transient]:
            raise JobError(
                f"{queue} did not take {len(left)} of {len(verdicts)} messages: {left[0].transient}",
                hint="run the job again: it sends what is left",
                result=Exported(queue, accepted + dead, accepted, dead, before),
            )
    return Exported(queue, accepted + dead, accepted, dead, before)


def connect(queue: str, *, create: bool) -> "tuple[SQSClient, str]":
    """A client and the queue's URL; endpoint, region and credentials are botocore's business.

    Raises:
        JobError: SQS does not answer, or there is no such queue.
    """
    try:
        client = boto3.client("sqs")
        if create:
            return client, client.create_queue(QueueName=queue)["QueueUrl"]
        return client, client.get_queue_url(QueueName=queue)["QueueUrl"]
    except client_errors() as error:
        raise JobError(
            f"no queue {queue}: {error}",
            hint=f"headrace sqs export --queue={queue} --create, or check AWS_ENDPOINT_URL_SQS",
        ) from error


def max_bytes(client: "SQSClient", url: str) -> int:
    """What one message, and one request, may hold in bytes: the queue's own limit."""
    asked = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return int(asked.get("Attributes", {}).get("MaximumMessageSize", DEFAULT_MAX_BYTES))


def client_errors() -> tuple[type[Exception], ...]:
    """What botocore raises when the service cannot be reached or refuses."""
    return BotoCoreError, ClientError


def pending(table: Table, exported: DataFrame | None) -> DataFrame:
    """The rows that are not in the queue yet, as `id` and `body`, in the order of their text.

    Args:
        table: What is exported.
        exported: The rows of the export's own table, if it is there.
    """
    values = table.read().drop("load")
    body = F.to_json(F.struct(*values.columns), {"ignoreNullFields": "false"}).alias("body")
    identity = F.sha2(F.concat(F.lit(f"{table.name} "), "body"), 256).alias("id")
    bodies = values.select(body).select(identity, "body").dropDuplicates(["id"])
    if exported is not None:
        bodies = bodies.join(exported.select("id"), on="id", how="left_anti")
    return bodies.orderBy("body")


def chunks(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    """The messages, `size` at a time."""
    rest = iter(messages)
    while chunk := [*islice(rest, size)]:
        yield chunk


def batches(messages: Iterable[Message], limit: int) -> Iterator[list[Message]]:
    """The messages in order, packed into requests of at most ten entries and `limit` bytes.

    A message above the limit makes a request of its own, so that only it is refused.
    """
    batch: list[Message] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == ENTRIES or size + message.size > limit):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch


def send(client: "SQSClient", url: str, batch: list[Message]) -> list[Verdict]:
    """Send one request, and say of every message what became of it.

    A request that is refused as a whole is sent again message by message, so that one bad
    message takes no good one with it.

    """
    entries: list[Any] = [{"Id": str(number), "MessageBody": each.body} for number, each in enumerate(batch)]
    try:
        answer = client.send_message_batch(QueueUrl=url, Entries=entries)
    except ClientError as error:
        fault = error.response.get("Error", {})
        if _is_of_message(str(fault.get("Code"))) and len(batch) > 1:
            return [verdict for each in batch for verdict in send(client, url, [each])]
        kind = "refused" if _is_of_message(str(fault.get("Code"))) else "transient"
        return [Verdict(each, **{kind: f"{fault.get('Code')}: {fault.get('Message')}"}) for each in batch]
    except BotoCoreError as error:  # whether it arrived is not known: it is sent again
        return [Verdict(each, transient=str(error)) for each in batch]
    verdicts: dict[int, Verdict] = {}
    for each in answer.get("Successful", []):
        number = int(each["Id"])
        verdicts[number] = Verdict(batch[number], message_id=each["MessageId"])
    for each in answer.get("Failed", []):
        number = int(each["Id"])
        said = f"{each['Code']}: {each.get('Message', '')}".rstrip(": ")
        kind = "refused" if each["SenderFault"] and _is_of_message(each["Code"]) else "transient"
        verdicts[number] = Verdict(batch[number], **{kind: said})
    return [
        verdicts.get(number, Verdict(each, transient="the answer does not speak of it"))
        for number, each in enumerate(batch)
    ]


def _is_of_message(code: str) -> bool:
    """Whether a fault lies in the message itself; any other (a key, a right, a rate, the queue) may be mended."""
    return code.rpartition(".")[2] in FAULTS


FAULTS = ("InvalidMessageContents", "InvalidParameterValue", "BatchRequestTooLong", "MessageTooLong")
