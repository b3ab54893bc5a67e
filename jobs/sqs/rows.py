"""Rows of a table as messages: each row is sent when it appears, and again when it went away and came back.

A row is known by what it says. The table `exports/QUEUE` has a line for each that was sent, and a line with `-` before
the id for each that was found gone since; a row that comes back gets another id, `HASH.1`, `HASH.2`, and so on.
"""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterator

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.errors import JobError
from jobs.lake import Entry, Table
from jobs.sqs.answers import Verdict
from jobs.sqs.large import Store
from jobs.sqs.message import Message
from jobs.sqs.queue import Queue
from jobs.sqs.records import fill

CHUNK = 1_000
"""Rows sent between two entries of the ledger: at most so many are sent again after a kill."""

SCHEMA = "id string, queue string, source string, message_id string, refused string, load long"


def pending(table: Table, exported: DataFrame | None) -> DataFrame:
    """The rows that the queue has not got, as `id` and `body`, in the order of their text.

    Args:
        table: What is exported.
        exported: The rows of the export's own table, if it is there.
    """
    bodies = _bodies(table)
    if exported is None:
        return bodies.select(F.col("row").alias("id"), "body").orderBy("body")
    found = bodies.join(_history(exported), on="row", how="left").fillna(0, ["sent", "gone"])
    return found.where("sent <= gone").select(_id().alias("id"), "body").orderBy("body")


def withdrawn(table: Table, exported: DataFrame) -> DataFrame:
    """The ids of rows that the queue has and the table has no longer."""
    there = _history(exported).where("sent > gone")
    return there.join(_bodies(table).select("row"), on="row", how="left_anti").select(_id().alias("id"))


def believed(exported: DataFrame) -> DataFrame:
    """The ids of all rows that the queue has."""
    return _history(exported).where("sent > gone").select(_id().alias("id"))


def messages(chosen: DataFrame, source: str, queue: Queue, content_type: str, store: Store) -> Iterator[Message]:
    """The messages of pending rows; on a FIFO queue a table is one group."""
    for number, (id, body) in enumerate(chosen.toLocalIterator()):
        message = Message(f"{source}/{id}", body.encode(), offset=number, key=id.encode())
        group = source if queue.fifo else ""
        yield fill(message, body, content_type, queue, store, group=group, id=id if queue.fifo else "")


def commit(done: Table, entry: Entry, queue: str, source: str, verdicts: list[Verdict]) -> None:
    """Write what became of rows into the export's table, as one entry of its ledger."""
    rows = [
        (
            (each.message.key or b"").decode(),
            queue,
            source,
            each.said if each.kind == "accepted" else None,
            None if each.kind == "accepted" else each.said,
            entry.sequence,
        )
        for each in verdicts
    ]
    done.commit(done.spark.createDataFrame(rows, SCHEMA), entry)


def withdraw(done: Table, entry: Entry, queue: str, source: str, ids: DataFrame) -> None:
    """Write down that the table has some rows no longer."""
    nothing = F.lit(None).cast("string")
    rows = ids.select(
        F.concat(F.lit("-"), "id").alias("id"),
        F.lit(queue).alias("queue"),
        F.lit(source).alias("source"),
        nothing.alias("message_id"),
        nothing.alias("refused"),
        F.lit(entry.sequence).cast("long").alias("load"),
    )
    done.commit(rows, entry)


def guard(ledger: list[Entry], queue: Queue, *, restart: bool) -> None:
    """Go on only if the queue is the one that earlier entries speak of.

    Raises:
        JobError: It was deleted and made again, or is another one of that name.
    """
    if ledger and ledger[-1].topic_id not in ("", queue.id) and not restart:
        raise JobError(
            f"{queue.name} is not the queue that was exported to: {ledger[-1].topic_id} then, {queue.id} now",
            hint="--restart sends everything again",
        )


def _bodies(table: Table) -> DataFrame:
    values = table.read().drop("load")
    body = F.to_json(F.struct(*values.columns), {"ignoreNullFields": "false"}).alias("body")
    row = F.sha2(F.concat(F.lit(f"{table.name} "), "body"), 256).alias("row")
    return values.select(body).select(row, "body").dropDuplicates(["row"])


def _history(exported: DataFrame) -> DataFrame:
    """How often each row was sent, and how often it was gone."""
    gone = F.col("id").startswith("-")
    row = F.split(F.regexp_replace("id", "^-", ""), "[.]")[0].alias("row")
    counted = exported.select(row, gone.cast("int").alias("gone"))
    return counted.groupBy("row").agg(F.sum(1 - F.col("gone")).alias("sent"), F.sum("gone").alias("gone"))


def _id() -> Column:
    return F.when(F.col("gone") == 0, F.col("row")).otherwise(F.concat("row", F.lit("."), F.col("gone")))
