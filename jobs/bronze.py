"""Bronze: the topic as it is, one row a record, each record once."""

import json
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
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
        had: How many offsets of the range the table had already.
        skipped: How many offsets before those it holds were left for later, by ranges so far.
    """

    table: str
    entry: int
    rows: int
    expired: dict[int, int]
    windows: list[Window]
    had: int = 0
    skipped: int = 0


@job("spark", cpu="500m", memory="1Gi", retries=3, minutes=60, needs=("kafka", "lake", "spark"))
def load(
    topic: str,
    *,
    start: str = "",
    end: str = "",
    offsets: str = "",
    at_least: int = 0,
    patience: int = 120,
    on_expired: Literal["fail", "clip"] = "fail",
) -> Loaded:
    """Copy what a topic has got since the last load into its bronze table, exactly once.

    With a range, only what the table lacks of it is loaded; what lies between is left for later, and known.

    Args:
        topic: The topic; its table is `bronze/TOPIC`.
        start: Only what came at or after this moment, such as 2026-01-01T10:00 (UTC), or 6h for so long ago.
        end: Only what came before this moment.
        offsets: Only these: partition, first offset and end (exclusive), as 0:10-20,1:5-.
        at_least: Wait until the topic holds this many offsets in all before reading it.
        patience: How long to wait for that, in seconds.
        on_expired: What to do when offsets are gone that were never loaded: refuse, or go on
            with the rest and report them.
    """
    available = wait_for(topic, at_least, patience)
    topic_id = kafka.topic_id(topic)
    ranged = bool(start or end or offsets)
    wanted = windows.within(topic, available, start=start, end=end, offsets=offsets) if ranged else []
    spark = session("bronze-load")
    table = Table(spark, f"bronze/{topic}")
    ledger = table.ledger()
    reached = _position(ledger, topic, topic_id, available)
    lacking = windows.without(wanted, accounted(ledger)) if ranged else windows.since(topic, reached, available)
    had = sum(each.offsets for each in wanted) - sum(each.offsets for each in lacking) if ranged else 0
    gone = windows.missing(lacking, available)
    if gone and (ledger or offsets) and on_expired == "fail":
        said = ", ".join(windows.of_expired(lacking, available, at_most=ranged and not offsets))
        raise JobError(
            f"{topic}: {said} expired and were never loaded",
            hint=f"headrace bronze load --topic={topic} --on-expired=clip",
        )
    todo = windows.clip(lacking, available)
    if not todo:
        _tell(topic, reached)
        return Loaded(table.name, 0, 0, windows.expired(lacking, available), [], had, _left(ledger))
    skipped = windows.ahead(topic, lacking, reached)
    entry = Entry(len(ledger) + 1, windows=todo, topic_id=topic_id, expired=gone, skipped=skipped)
    log.info("entry %d: %d offsets", entry.sequence, sum(each.offsets for each in todo))
    written = table.commit(records(spark, todo).withColumn("load", F.lit(entry.sequence)), entry)
    _tell(topic, furthest([*ledger, written]))
    lost = windows.expired(lacking, available)
    return Loaded(table.name, entry.sequence, written.rows, lost, todo, had, _left([*ledger, written]))


def accounted(ledger: list[Entry]) -> list[Window]:
    """What the table holds or can never hold: taken, or expired when it was to be taken."""
    return [window for entry in ledger for window in (*entry.expired, *entry.windows)]


def skipped(ledger: list[Entry]) -> list[Window]:
    """What ranges left for later, and nobody has loaded since."""
    return windows.without((window for entry in ledger for window in entry.skipped), accounted(ledger))


def furthest(ledger: list[Entry]) -> dict[int, int]:
    """Where a load of what is new begins, by partition: after all that the table has taken."""
    done: dict[int, int] = {}
    for window in accounted(ledger):
        done[window.partition] = max(window.end, done.get(window.partition, 0))
    return done


def position(topic: str, available: windows.Bounds) -> dict[int, int]:
    """The same, of the table as it is, by partition.

    Raises:
        JobError: The table was read from another topic of that name.
    """
    ledger = Table(session("windows-list"), f"bronze/{topic}").ledger()
    return _position(ledger, topic, kafka.topic_id(topic), available)


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
    return reduce(DataFrame.union, (_read(spark, turn) for turn in windows.turns(todo)))


def _read(spark: SparkSession, todo: list[Window]) -> DataFrame:
    """The records of windows that are each of another partition: Spark reads one stretch of each."""
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


def _left(ledger: list[Entry]) -> int:
    if left := skipped(ledger):
        log.info("left for later: %s (--offsets=%s)", sum(each.offsets for each in left), windows.written(left))
    return sum(each.offsets for each in left)


def _tell(topic: str, position: dict[int, int]) -> None:
    """Say how far the table is where everybody looks: as the group `bronze-TOPIC`. What counts is the ledger."""
    if not position:
        return
    try:
        groups.place(f"bronze-{topic}", topic, position)
    except JobError as error:
        log.warning("groups lag will not see how far this is: %s", error)


def _position(ledger: list[Entry], topic: str, topic_id: str, available: windows.Bounds) -> dict[int, int]:
    for entry in ledger:
        if entry.topic_id != topic_id:
            raise JobError(
                f"{topic} was deleted and made again: its id is {topic_id},"
                f" and entry {entry.sequence} of the ledger was read from {entry.topic_id}",
                hint="load it under another name, or move the old tables away",
            )
    done = furthest(ledger)
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
