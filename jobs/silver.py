"""Silver: records that keep the rules of their dataset, each event once; the rest is dead-lettered."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import os
from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from jobs import datasets, dlq, entries, redone, settings
from jobs.dlq import columns, stored
from jobs.errors import DeadLetterError
from jobs.job import job
from jobs.lake import Entry, Table, fingerprint, included
from jobs.spark import session

log = logging.getLogger(__name__)
ORIGIN = ("topic", "partition", "offset")
COLUMNS = ("key", "value", "headers", *ORIGIN, "timestamp")  # of bronze, as they came


@dataclass(frozen=True)
class Cleaned:
    """What one clean-up did: `records = rows + duplicates + dead`.

    Args:
        table: Layer and table.
        entry: Its number in the table's ledger; 0 if there was nothing to do.
        records: Records taken from bronze.
        rows: Events written.
        duplicates: Records of an event that was there already.
        dead: Records that went to the dead letters.
        redone: Records that were cleaned again; they are not among `records`.
        removed: Rows that they had before.
        revived: Dead letters that are no more.
    """

    table: str
    entry: int = 0
    records: int = 0
    rows: int = 0
    duplicates: int = 0
    dead: int = 0
    redone: int = 0
    removed: int = 0
    revived: int = 0


@job("spark", cpu="500m", memory="1Gi", retries=3, minutes=60, needs=("kafka", "lake", "spark"))
def clean(
    topic: str,
    dataset: datasets.Name,
    *,
    max_dead_letters: int = -1,
    rebuild: bool = False,
    redo: str = "",
    why: str = "",
    once: str = "",
) -> Cleaned:
    """Parse, validate and de-duplicate what is new in bronze; dead letters go to `TOPIC.dlq`.

    Args:
        topic: The topic that bronze was loaded from.
        dataset: Whose rules the records must keep.
        max_dead_letters: End with status 5 when this run has more, also when it is tried again; -1 is no limit.
        rebuild: Make the table anew from all of bronze, in one commit: for a dataset whose rules have changed.
        redo: Clean these windows again, too, as 0:10-20,1:5-9: their rows are replaced in the same commit.
        why: Why they are done again, for the ledger.
        once: What the ledger calls this; if it knows the name already, nothing is done again.
    """
    spark = session("silver-clean")
    bronze, silver = Table(spark, f"bronze/{topic}"), Table(spark, f"silver/{topic}")
    history, ledger = bronze.history(), silver.ledger()
    below = entries.entries(history)
    if not below and not ledger:
        return Cleaned(silver.name)
    done = 0 if rebuild else included(silver.name, ledger, below)
    rules, windows = datasets.named(dataset), redone.read(redo, topic)
    again = [] if rebuild or (once and any(each.once == once for each in ledger)) else windows
    if len(below) == done and not again:
        nothing = Cleaned(silver.name, revived=_revive(bronze, rules, topic, windows))
        return judged(nothing, ledger, topic, max_dead_letters)
    held = bronze.read(history[-1].version)
    new = F.col("load").between(done + 1, len(below))
    parsed = rules.parse(held.where(new | F.expr(redone.inside(again))))
    known = silver.read().where(f"NOT {redone.inside(again)}") if ledger and not rebuild else None
    if known is not None:
        anew = f"headrace silver clean --topic={topic} --dataset={dataset} --rebuild"
        silver.must_fit(events(parsed, rules.KEY, known).withColumn("load", F.lit(1)), anew)
    removed, periods = 0, list[str]()
    if again and ledger:
        old = silver.read().where(redone.inside(again))
        removed, periods = old.agg(F.count("*"), F.collect_set(F.col(rules.PERIOD).cast("string"))).collect()[0]
        parsed = parsed.unionByName(_hidden(parsed, old, held.where(f"NOT {redone.inside(again)}"), rules))
    large = F.max(F.when(F.col("reason").isNotNull(), columns.size()))
    found = parsed.agg(F.count("*"), F.count("reason"), large, fingerprint(COLUMNS)).collect()[0]
    records, dead, largest, read = found
    fresh = records
    if again:  # what the ledger knew already is not taken from bronze a second time
        fresh, read = held.where(new).agg(F.count("*"), fingerprint(COLUMNS)).collect()[0]
    entry = Entry(
        len(ledger) + 1,
        through=len(below),
        below=below[-1].id,
        counts={"records": fresh, "dead": dead} | ({"redone": records - fresh} if again else {}),
        anew=rebuild,
        checksum=entries.checksum([read]),
        redone=again,
        removed=removed,
        periods=sorted(periods),
        why=why if again else "",
        once=once if again else "",
    )
    if dead:
        log.warning("%d of %d records go to %s", dead, records, dlq.topic_of(topic))
        bury(parsed.where("reason IS NOT NULL"), topic, entry, largest)
    replace = f"`load` = {entry.sequence} OR {redone.inside(again)}" if again and ledger else ""
    written = events(parsed, rules.KEY, known).withColumn("load", F.lit(entry.sequence))
    rows = silver.commit(written, entry, replace=replace).rows
    revived = _revive(bronze, rules, topic, windows)
    counts = (records, rows, records - dead - rows, dead, records - fresh, removed, revived)
    return judged(Cleaned(silver.name, entry.sequence, *counts), [*ledger, entry], topic, max_dead_letters)


def judged(result: Cleaned, ledger: list[Entry], topic: str, allowed: int) -> Cleaned:
    """The result, if this run as a whole wrote no more dead letters than it may.

    A step that is tried again finds nothing new, but its run is what it was. Who works by hand has no run: there the
    last entry is judged.

    Raises:
        DeadLetterError: There are more.
    """
    run = os.environ.get("HEADRACE_RUN")
    mine = [each for each in ledger if each.run == run] if run else ledger[-1:]
    dead = sum(each.counts.get("dead", 0) for each in mine)
    if 0 <= allowed < dead:
        raise DeadLetterError(
            f"{dead} records went to the dead letters, {allowed} are allowed",
            hint=f"headrace dlq list --topic={dlq.topic_of(topic)}",
            result=result,
        )
    return result


def _hidden(parsed: DataFrame, old: DataFrame, others: DataFrame, rules: datasets.Dataset) -> DataFrame:
    """Records elsewhere of events that the windows had and have no more: they were duplicates until now.

    Args:
        parsed: What the windows hold now.
        old: The rows of silver that they had.
        others: The rows of bronze outside of them.
        rules: Those of the dataset.
    """
    key = [*rules.KEY]
    lost = old.select(*key).join(parsed.where("reason IS NULL").select(*key), on=key, how="left_anti").distinct()
    if lost.isEmpty():
        return parsed.limit(0)
    return rules.parse(others).where("reason IS NULL").join(lost, on=key, how="left_semi")


def _revive(bronze: Table, rules: datasets.Dataset, topic: str, windows: list[redone.Window]) -> int:
    """Delete the letters of records in the windows that are dead no more; again, if a kill came before it."""
    if not windows:
        return 0
    now = rules.parse(bronze.read().where(redone.inside(windows)))
    return redone.end_letters(now.where("reason IS NOT NULL"), topic, windows)


def events(parsed: DataFrame, key: tuple[str, ...], known: DataFrame | None) -> DataFrame:
    """The valid records without those of an event seen before; of several, the earliest stays.

    Args:
        parsed: The columns of silver and `reason`.
        key: The columns that tell two events apart.
        known: Silver as it is, if it is.
    """
    earliest = Window.partitionBy(*key).orderBy("timestamp", *ORIGIN)
    first = (
        parsed.where("reason IS NULL")
        .withColumn("_nth", F.row_number().over(earliest))
        .where("_nth = 1")
        .drop("_nth", "reason", "key", "value", "headers")
    )
    return first.join(known.select(*key), on=[*key], how="left_anti") if known is not None else first


def bury(dead: DataFrame, topic: str, entry: Entry, largest: int) -> None:
    """Write records to the dead letters of `topic`: the same record twice has the same key.

    A value that the topic can't take goes to the lake, and its letter says where.

    Args:
        dead: Rows of bronze with `reason`.
        topic: Where they were.
        entry: The ledger entry that is being written.
        largest: The bytes of the largest letter.
    """
    limit = dlq.limit(dlq.topic_of(topic))
    too_large = (columns.size() > limit) & F.col("value").isNotNull()
    if largest > limit:
        stored.keep_all(dead.sparkSession, topic, dead.where(too_large).select("value"))
    letters = dead.withColumn("stored", F.when(too_large, stored.table(topic)))
    (
        columns.encode(letters, run=entry.run, entry=entry.sequence)
        .write.format("kafka")
        .options(**settings.load(settings.Kafka).spark())
        .option("kafka.max.request.size", str(max(limit, 1 << 20)))
        .option("kafka.buffer.memory", str(max(2 * limit, 32 << 20)))
        .option("includeHeaders", "true")
        .option("topic", dlq.topic_of(topic))
        .save()
    )
