"""SQS: records of a topic and rows of a table as messages of a queue, each accounted for."""

import logging
from typing import Literal

from jobs import dlq, kafka
from jobs.errors import UsageError
from jobs.job import job
from jobs.kafka.lock import held
from jobs.sqs import large, windows
from jobs.sqs import queue as queues
from jobs.sqs.account import Exported
from jobs.sqs.cost import Planned
from jobs.sqs.large import Store
from jobs.sqs.letters import Letters
from jobs.sqs.line import Line, ending

__all__ = ["Exported", "Planned", "export"]

log = logging.getLogger(__name__)
FIFO_PATIENCE = 200
"""How long a message may fail on its way into a FIFO queue, in seconds: no longer than it drops repetitions."""


@job("spark", cpu="500m", memory="512Mi", retries=3, minutes=60, needs=("kafka", "lake", "spark", "sqs"))
def export(
    queue: str,
    *,
    table: str = "",
    topic: str = "",
    create: bool = False,
    dry_run: bool = False,
    rate: float = 0,
    in_flight: int = 128,
    patience: int = 120,
    large_bucket: str = "",
    content_type: str = "application/json",
    dlq_topic: str = "",
    on_expired: Literal["fail", "clip"] = "fail",
    in_doubt: Literal["fail", "send", "skip"] = "fail",
    restart: bool = False,
    price: float = 0,
    metrics_port: int = 0,
    lock_timeout: int = 300,
) -> Exported | Planned:
    """Send to a queue what it has not got yet of a topic or a table, and account for every message.

    Args:
        queue: The queue's name; one that ends in `.fifo` keeps the order of each key.
        table: Layer and table: `gold/messages` sends changed rows as JSON, `bronze/messages` the topic's records.
        topic: The topic whose records are sent, straight from Kafka.
        create: Make the queue if it does not exist.
        dry_run: Send nothing: say how many messages, bytes and requests it would be, and what AWS would bill.
        rate: How many messages may leave in a second; 0 is as many as the queue bears.
        in_flight: How many requests may be under way at once.
        patience: How long a message may fail before the export ends with status 1, in seconds.
        large_bucket: Bucket of S3 for messages that are too large for the queue; without it they are dead letters.
        content_type: What a record is whose header `content-type` does not say it.
        dlq_topic: Where refused messages go; by default the `.dlq` of the topic or of the table's topic.
        on_expired: What to do when offsets are gone that were never exported: refuse, or go on with the rest.
        in_doubt: What to do with messages that a killed run may have sent more than four minutes ago to a FIFO queue.
        restart: Send everything again, whatever earlier runs wrote down.
        price: US dollars a million requests, for `--dry-run`; 0 is us-east-1's.
        metrics_port: Serve Prometheus metrics on this port meanwhile; 0 is not at all.
        lock_timeout: How long to wait for another export to the same queue, in seconds.
    """
    if bool(table) == bool(topic):
        raise UsageError("say what to export: a table or a topic", hint="--table=gold/messages, or --topic=messages")
    if not 1 <= in_flight <= 256 or rate < 0 or patience < 1:
        raise UsageError("--in-flight is from 1 to 256, --rate from 0, --patience from 1")
    layer, _, name = table.partition("/")
    if table and layer != "bronze" and in_doubt == "skip":
        raise UsageError("rows of a table are sent again, not skipped", hint="--in-doubt=send")
    client, sqs = kafka.admin(), queues.client()
    found = queues.find(sqs, queue, create=create, dry=dry_run)
    if found.capped:
        log.warning("%s takes 300 requests a second at most: it is not set for high throughput (docs/sqs.md)", queue)
    letters = Letters(dlq_topic or dlq.topic_of(topic or name))
    store = Store(large_bucket, queue, large.client, dry=dry_run)
    wait = min(patience, FIFO_PATIENCE) if found.fifo else patience
    with (
        held(client, f"sqs export to {queue}", lock_timeout, f"queue {found.arn}") as lock,
        ending(lock.check) as hold,
    ):
        line = Line(sqs, found, store, letters, in_flight, rate, wait, hold)
        if table and layer != "bronze":
            from jobs.sqs import tables  # noqa: PLC0415 - a topic needs no Spark

            return tables.export(
                table,
                line,
                client,
                content_type,
                in_doubt=in_doubt,
                restart=restart,
                dry_run=dry_run,
                price=price,
                metrics_port=metrics_port,
            )
        return windows.export(
            windows.Topic(topic, client) if topic else windows.Bronze(name),
            line,
            client,
            content_type,
            in_doubt=in_doubt,
            on_expired=on_expired,
            restart=restart,
            dry_run=dry_run,
            price=price,
            metrics_port=metrics_port,
        )
