"""The ledger: what every table says it took, held against what it has."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from jobs import datasets, dlq, kafka, settings, sqs, windows
from jobs.bronze import skipped
from jobs.errors import UnhealthyError
from jobs.job import job
from jobs.lake import Entry, Table
from jobs.spark import session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Check:
    """One thing that must hold.

    Args:
        what: What is compared.
        expected: What it must be.
        found: What it is.
    """

    what: str
    expected: object
    found: object

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return self.expected == self.found


@dataclass(frozen=True)
class Verified:
    """What was compared, and the counts of every layer.

    Args:
        counts: Records, rows and messages by layer.
        hashes: A fingerprint of the rows of each table, whatever their order; equal rows, equal hash.
        checks: All that was held against each other.
        broken: Those that do not hold, as sentences.
    """

    counts: dict[str, int]
    hashes: dict[str, str]
    checks: list[Check]
    broken: list[str]

    def text(self) -> str:
        """The counts of every layer, the fingerprints, and what does not hold."""
        lines = [f"{name:<24}{count:>16,}" for name, count in self.counts.items()]
        lines += [f"{name:<24}{hashed:>16}" for name, hashed in self.hashes.items()]
        lines += [f"[red]✘[/red] {each}" for each in self.broken]
        return "\n".join([*lines, f"{len(self.checks) - len(self.broken)} of {len(self.checks)} hold"])


@job("spark", cpu="500m", memory="1Gi", retries=2, minutes=30, needs=("kafka", "lake", "spark"))
def verify(topic: str, *, dataset: datasets.Name = "messages", queue: str = "") -> Verified:
    """Prove that no record is missing and none is there twice, from the topic to the queue.

    Args:
        topic: The topic that the tables are named for.
        dataset: Whose rules tell events from dead letters.
        queue: The queue to which gold is exported; without it the export is left out.
    """
    available, topic_id = kafka.watermarks(topic), kafka.topic_id(topic)
    spark = session("ledger-verify")
    bronze, silver, gold = (Layer(Table(spark, f"{layer}/{topic}")) for layer in LAYERS)
    if absent := [layer.table.name for layer in (bronze, silver, gold) if not layer.entries]:
        raise UnhealthyError(
            f"there is nothing to verify: no table {', '.join(absent)} in {settings.load(settings.Lake).uri}",
            hint=f"headrace bronze load --topic={topic}, or check the name and LAKE_URI",
        )
    counts: dict[str, int] = {}
    rules = datasets.named(dataset)
    checks = [check for layer in (bronze, silver, gold) for check in layer.checks()]
    checks += _bronze(bronze, counts, available, topic_id)
    checks += _silver(silver, bronze, counts, rules)
    if all(first == 0 for first, _ in kafka.watermarks(dlq.topic_of(topic)).values()):  # none has expired
        checks.append(_letters(topic, silver, counts["dead"]))
    checks += _gold(gold, silver, counts, rules)
    if queue:
        checks += _exported(gold.table, Table(spark, f"exports/{queue}"), counts)
    hashes = {layer.table.name: layer.hash for layer in (bronze, silver, gold)}
    broken = [f"{each.what}: {each.found}, not {each.expected}" for each in checks if not each.ok]
    result = Verified(counts, hashes, checks, broken)
    if broken:
        raise UnhealthyError(f"the ledger of {topic} does not add up: {'; '.join(broken)}", result=result)
    return result


LAYERS = ("bronze", "silver", "gold")


class Layer:
    """A table with its ledger, and what one pass over its rows says.

    Args:
        table: The table.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.entries: list[Entry] = table.ledger()
        self.found: dict[str, int] = {}
        self.hash = ""

    @property
    def written(self) -> int:
        """Rows by the ledger."""
        return sum(entry.rows for entry in self.entries)

    def look(self, **more: Column) -> None:
        """Pass over the rows once: count them, fingerprint them, and find `more`."""
        rows = self.table.read()
        fingerprint = F.hex(F.bit_xor(F.xxhash64(*sorted(rows.columns))))
        found = rows.agg(
            F.count("*").alias("rows"),
            fingerprint.alias("fingerprint"),
            *(column.alias(name) for name, column in more.items()),
        ).collect()[0]
        self.found = {name: found[name] or 0 for name in ("rows", *more)}
        self.hash = str(found["fingerprint"])

    def checks(self) -> list[Check]:
        """What must hold of every ledger."""
        numbers = [entry.sequence for entry in self.entries]
        expected = [*range(1, len(numbers) + 1)]
        return [Check(f"{self.table.name}: numbers of the ledger", expected, numbers)]


def _bronze(bronze: Layer, counts: dict[str, int], available: dict[int, tuple[int, int]], topic_id: str) -> list[Check]:
    bronze.look(unique=F.count_distinct("topic", "partition", "offset"))
    taken = [window for entry in bronze.entries for window in entry.windows]
    gone = [window for entry in bronze.entries for window in entry.expired]
    later = skipped(bronze.entries)
    ends = {window.partition: window.end for window in sorted([*taken, *gone])}
    rows = counts["bronze"] = bronze.found["rows"]
    counts["offsets"] = sum(window.offsets for window in taken)
    counts["holes"] = counts["offsets"] - rows
    counts["expired"] = sum(window.offsets for window in gone)
    counts["skipped"] = sum(window.offsets for window in later)
    counts["behind"] = sum(end - ends.get(each, first) for each, (first, end) in available.items())
    ahead = [each for each, end in ends.items() if end > available.get(each, (0, 0))[1]]
    return [
        Check(
            "bronze: read from this topic, by its id", [topic_id], sorted({each.topic_id for each in bronze.entries})
        ),
        Check("bronze: partitions loaded beyond the topic's end", [], ahead),
        Check("bronze: breaks between windows", [], windows.overlaps_and_gaps([*taken, *gone, *later])),
        Check("bronze: rows by the ledger", bronze.written, rows),
        Check("bronze: distinct (topic, partition, offset)", rows, bronze.found["unique"]),
    ]


def _silver(silver: Layer, bronze: Layer, counts: dict[str, int], rules: datasets.Dataset) -> list[Check]:
    silver.look(unique=F.count_distinct("topic", "partition", "offset"), events=F.count_distinct(*rules.KEY))
    rows = counts["silver"] = silver.found["rows"]
    parsed = rules.parse(bronze.table.read())
    dead, events = parsed.agg(
        F.count("reason"), F.count_distinct(*(F.when(F.col("reason").isNull(), F.col(key)) for key in rules.KEY))
    ).collect()[0]
    records = sum(entry.counts["records"] for entry in silver.entries)
    counts["dead"] = sum(entry.counts["dead"] for entry in silver.entries)
    counts["duplicates"] = records - counts["dead"] - rows
    return [
        Check("silver: records taken from bronze", bronze.written, records),
        Check("silver: rows by the ledger", silver.written, rows),
        Check("silver: events in bronze, counted anew", events, rows),
        Check("silver: events, each once", rows, silver.found["events"]),
        Check("silver: records, each once", rows, silver.found["unique"]),
        Check("silver: dead records in bronze, counted anew", dead, counts["dead"]),
    ]


def _letters(topic: str, silver: Layer, dead: int) -> Check:
    """The dead letters of this topic's records that a finished clean-up wrote."""
    written = [entry.sequence for entry in silver.entries]
    with dlq.index(dlq.topic_of(topic)) as letters:
        return Check("dead letters on the topic", dead, letters.of_entries(written))


def _gold(gold: Layer, silver: Layer, counts: dict[str, int], rules: datasets.Dataset) -> list[Check]:
    gold.look(events=F.sum(rules.TOTAL))
    counts["gold"] = gold.found["rows"]
    return [
        Check("gold: entries of silver included", len(silver.entries), gold.entries[-1].through),
        Check("gold: events counted", silver.written, gold.found["events"]),
    ]


def _exported(gold: Table, exports: Table, counts: dict[str, int]) -> list[Check]:
    done = exports.read() if exports.ledger() else None
    checks = [Check("export: rows of gold not sent", 0, sqs.pending(gold, done).count())]
    if done is not None:
        found = done.agg(F.count("message_id"), F.count("refused"), F.count("*") - F.count_distinct("id")).collect()[0]
        counts["accepted"], counts["refused"] = found[0], found[1]
        checks.append(Check("export: rows sent twice", 0, found[2]))
    return checks
