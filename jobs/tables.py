"""The tables' upkeep: fewer and larger files, what nobody reads any more deleted, what nobody may change undone."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import math
from dataclasses import dataclass

from pyspark.sql import SparkSession

from jobs import entries, times
from jobs.ask import consent
from jobs.errors import UsageError
from jobs.job import job
from jobs.lake import Table
from jobs.spark import session

log = logging.getLogger(__name__)
LAYERS = ("bronze", "silver", "gold", "scored")
RETENTION, WEEK = "delta.deletedFileRetentionDuration", "interval 168 hours"  # and Delta's default of it
LEAST = 86400  # seconds


@dataclass(frozen=True)
class Compacted:
    """What became of the files of one table; its rows and its ledger are as before.

    Args:
        table: Layer and table.
        removed: Files that were put together; they stay for readers until `tables vacuum`.
        added: Files that hold the same rows now.
    """

    table: str
    removed: int = 0
    added: int = 0


@dataclass(frozen=True)
class Vacuumed:
    """What was deleted of one table.

    Args:
        table: Layer and table.
        files: Files that no version of the table within the retention needs.
        keep: The retention that the table has now.
    """

    table: str
    files: int
    keep: str


@dataclass(frozen=True)
class Restored:
    """What was undone.

    Args:
        table: Layer and table.
        version: The version that it is again; -1 if nothing was to be undone.
        undone: The changes without an entry, as `version operation`.
    """

    table: str
    version: int
    undone: list[str]


@job("spark", cpu="500m", memory="1Gi", retries=3, minutes=60, needs=("lake", "spark"))
def compact(topic: str) -> list[Compacted]:
    """Put the small files of a topic's tables together; rows and ledger stay as they are.

    Args:
        topic: The topic that the tables are named for.
    """
    return [_compact(each) for each in _tables(session("tables-compact"), topic)]


@job("spark", cpu="500m", memory="1Gi", retries=3, minutes=60, needs=("lake", "spark"))
def vacuum(topic: str, *, keep: str = "") -> list[Vacuumed]:
    """Delete the files of a topic's tables that no version of the last days needs; the ledger stays whole.

    Time travel ends where the deleted files were.

    Args:
        topic: The topic that the tables are named for.
        keep: How long replaced files stay for readers and for time travel, at least 1d; the tables remember it.
            Without it, what they remember, which is 7d at first.
    """
    if keep and times.seconds(keep) < LEAST:
        raise UsageError(
            f"--keep={keep} is less than a day: readers may still need the files",
            hint=f"headrace tables vacuum --topic={topic} --keep=1d",
        )
    spark = session("tables-vacuum")
    spark.conf.set("spark.databricks.delta.vacuum.logging.enabled", "true")  # so that the history tells of it
    return [_vacuum(each, keep) for each in _tables(spark, topic)]


@job("spark", cpu="500m", memory="1Gi", retries=1, minutes=60, needs=("lake", "spark"))
def restore(table: str, *, yes: bool = False) -> Restored:
    """Undo the changes of a table that no entry of its ledger speaks of, such as a DELETE by hand.

    Args:
        table: Layer and table, for example `silver/messages`.
        yes: Do not ask.
    """
    known = Table(session("tables-restore"), table)
    history = known.history()
    if not history:
        raise UsageError(f"there is no table {table}", hint="headrace ledger show TOPIC")
    strangers = entries.strangers(history)
    said = [f"{each.version} {each.operation}" for each in strangers]
    if not strangers:
        return Restored(table, -1, [])
    version = strangers[0].version - 1
    if any(each.version > version for each in entries.entries(history)):
        raise UsageError(
            f"{table}: entries were written after the change of version {strangers[0].version};"
            " they would be undone with it",
            hint="make it anew from the layer below: headrace silver clean --rebuild, headrace gold build --rebuild",
        )
    consent(f"{table} will be as it was at version {version}: undone will be {', '.join(said)}", yes=yes)
    known.spark.sql(f"RESTORE TABLE {known.sql} TO VERSION AS OF {version}").collect()
    return Restored(table, version, said)


def _tables(spark: SparkSession, topic: str) -> list[Table]:
    """The tables of a topic that there are."""
    found = [Table(spark, f"{layer}/{topic}") for layer in LAYERS]
    there = [each for each in found if each.history(1)]
    if not there:
        log.warning("there is no table of %s", topic)
    return there


def _compact(table: Table) -> Compacted:
    metrics = table.spark.sql(f"OPTIMIZE {table.sql}").select("metrics.*").collect()[0]
    return Compacted(table.name, metrics["numFilesRemoved"], metrics["numFilesAdded"])


def _vacuum(table: Table, keep: str) -> Vacuumed:
    """The retention is the table's own: Delta heeds no other, neither here nor when somebody looks back."""
    kept = _kept(table)
    wanted = f"interval {math.ceil(times.seconds(keep) / 3600)} hours" if keep else kept
    if wanted != kept:
        table.spark.sql(f"ALTER TABLE {table.sql} SET TBLPROPERTIES ('{RETENTION}' = '{wanted}')").collect()
    table.spark.sql(f"VACUUM {table.sql}").collect()
    last = table.spark.sql(f"DESCRIBE HISTORY {table.sql} LIMIT 1").select("operationMetrics").collect()[0][0] or {}
    return Vacuumed(table.name, int(last.get("numDeletedFiles", 0)), wanted.removeprefix("interval "))


def _kept(table: Table) -> str:
    properties = table.spark.sql(f"DESCRIBE DETAIL {table.sql}").select("properties").collect()[0][0]
    return properties.get(RETENTION, WEEK)
