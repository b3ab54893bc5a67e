"""Bronze: the topic as it is, one row a record, each record once."""

import json
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs import kafka, settings, windows
from jobs.errors import JobError
from jobs.groups import actual as groups
from jobs.job import job
from jobs.lake import Entry, Table
from jobs.spark import session
from jobs.windows import Window

log = logging.getLogger(__name__)
PROGRESS = 10  # seconds between two lines


@dataclass(frozen=True)
class Loaded:
    """What one load did.

    Args:
        table: Layer and table.
        entry: Its number in the table's ledger; 0 if there was nothing to do.
        rows: Records written.
        expired: Offsets that the topic no longer held, by partition.
        windows: The offsets it took.
    """

    table: str
    entry: int
    rows: int
    expired: dict[int, int]
    windows: list[Window]


@job("spark", cpu="500m", memory="1Gi", retries=3, minutes=60, needs=("kafka", "lake", "spark"))
def load(
    topic: str,
    *,
    at_least: int = 0,
    patience: int = 120,
    on_expired: Literal["fail", "clip"] = "fail",
) -> Loaded:
    """Copy what a topic has got since the last load into its bronze table, exactly once.

    Args:
        topic: The topic; its table is `bronze/TOPIC`.
        at_least: Wait until the topic holds this many offsets in all before reading it.
        patience: How long to wait for that, in seconds.
        on_expired: What to do when offsets are gone that were never loaded: refuse, or go on
            with the rest and report them.
    """
    available = wait_for(topic, at_least, patience)
    topic_id = kafka.topic_id(topic)
    spark = session("bronze-load")
    table = Table(spark, f"bronze/{topic}")
    ledger = table.ledger()
    position = _position(ledger, topic, topic_id, available)
    todo = windows.since(topic, position, available)
    lost = windows.expired(todo, available)
    if lost and ledger and on_expired == "fail":
        raise JobError(
            f"{topic} no longer holds "
            + ", ".join(f"{count} offsets of partition {each}" for each, count in lost.items())
            + " that were never loaded",
            hint=f"headrace bronze load --topic={topic} --on-expired=clip",
        )
    gone = windows.missing(todo, available)
    todo = windows.clip(todo, available)
    if not todo:
        _tell(topic, position)
        return Loaded(table.name, 0, 0, lost, [])
    entry = Entry(len(ledger) + 1, windows=todo, topic_id=topic_id, expired=gone)
    log.info("entry %d: %d offsets", entry.sequence, sum(each.offsets for each in todo))
    written = table.commit(records(spark, todo).withColumn("load", F.lit(entry.sequence)), entry)
    _tell(topic, position | {each.partition: each.end for each in todo})
    return Loaded(table.name, entry.sequence, written.rows, lost, todo)


def wait_for(topic: str, at_least: int, patience: int) -> dict[int, tuple[int, int]]:
    """The first and end offsets by partition, once the ends sum up to `at_least`.

    Raises:
        JobError: They don't within `patience` seconds.
    """
    begun = said = time.monotonic()
    while True:
        available = kafka.watermarks(topic)
        held = sum(end for _, end in available.values())
        if held >= at_least:
            return available
        if time.monotonic() - begun > patience:
            raise JobError(
                f"{topic} holds {held} of {at_least} offsets after {patience} s",
                hint="headrace connectors status",
            )
        if time.monotonic() - said > PROGRESS:
            log.info("%s holds %d of %d offsets", topic, held, at_least)
            said = time.monotonic()
        time.sleep(0.5)


def records(spark: SparkSession, todo: list[Window]) -> DataFrame:
    """The records of the windows: key, value and headers as they are, and where they were."""
    first: defaultdict[str, dict[str, int]] = defaultdict(dict)
    end: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for window in todo:
        first[window.topic][str(window.partition)] = window.first
        end[window.topic][str(window.partition)] = window.end
    return (
        spark.read.format("kafka")
        .options(**settings.load(settings.Kafka).spark())
        .option("assign", json.dumps({topic: [*map(int, each)] for topic, each in first.items()}))
        .option("startingOffsets", json.dumps(first))
        .option("endingOffsets", json.dumps(end))
        .option("includeHeaders", "true")
        .option("kafka.isolation.level", "read_committed")  # Spark's own default shows aborted records
        .load()
        .select("key", "value", "headers", "topic", "partition", "offset", "timestamp")
    )


def _tell(topic: str, position: dict[int, int]) -> None:
    """Say how far the table is where everybody looks: as the group `bronze-TOPIC`. What counts is the ledger."""
    try:
        groups.place(f"bronze-{topic}", topic, position)
    except JobError as error:
        log.warning("groups lag will not see how far this is: %s", error)


def _position(ledger: list[Entry], topic: str, topic_id: str, available: dict[int, tuple[int, int]]) -> dict[int, int]:
    done: dict[int, int] = {}
    for entry in ledger:
        if entry.topic_id != topic_id:
            raise JobError(
                f"{topic} was deleted and made again: its id is {topic_id},"
                f" and entry {entry.sequence} of the ledger was read from {entry.topic_id}",
                hint="load it under another name, or move the old tables away",
            )
        done.update({window.partition: window.end for window in (*entry.expired, *entry.windows)})
    cut = [each for each, end in done.items() if each in available and available[each][1] < end]
    if cut:
        raise JobError(
            f"{topic} ends before what was already loaded, in partition {cut[0]} at {available[cut[0]][1]} and not"
            f" {done[cut[0]]}: it was truncated, as an unclean election does",
            hint="load it under another name, or move the old tables away",
        )
    if missing := done.keys() - available.keys():
        raise JobError(f"{topic} no longer has partitions {sorted(missing)}")
    return done
