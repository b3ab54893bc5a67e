"""What must hold of a table and its ledger, layer by layer."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs import datasets, dlq, entries, windows
from jobs.bronze import records, skipped
from jobs.dlq import columns
from jobs.entries import Entry
from jobs.lake import Table, fingerprint
from jobs.silver import COLUMNS, ORIGIN
from jobs.sqs.rows import pending
from jobs.windows import Window


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
class Part:
    """What one entry wrote of one partition, as the rows themselves say.

    Args:
        topic: Where the records were.
        partition: Where the records were.
        load: The entry.
        rows: How many.
        first: The lowest offset.
        last: The highest offset.
        hash: The fingerprint of the rows.
        seal: The fingerprint of what the next layer reads of them.
    """

    topic: str
    partition: int
    load: int
    rows: int
    first: int
    last: int
    hash: int
    seal: int


class Layer:
    """A table with its ledger, and what one pass over its rows says.

    Args:
        table: The table; what is looked at is its newest version at this moment.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.history = table.history()
        self.entries: list[Entry] = entries.entries(self.history)
        self.current = entries.current(self.entries)
        self.parts: list[Part] = []
        self.rows = self.unique = 0
        self.hash = ""

    @property
    def written(self) -> int:
        """Rows by the ledger."""
        return sum(entry.rows - entry.removed for entry in self.current)

    def read(self) -> DataFrame:
        """The rows of the version that is looked at."""
        return self.table.read(self.history[-1].version)

    def look(self, seal: tuple[str, ...] = ()) -> None:
        """Pass once over rows that have an origin: count them, each offset once, and take their fingerprints.

        Each stretch of 64 offsets is a bitmap in one number: that is exact, and needs neither a sort nor a shuffle of
        the rows.

        Args:
            seal: The columns that the next layer reads; without it all of them.
        """
        rows = self.read()
        place, load = ("topic", "partition", "stretch"), ("topic", "partition", "load")
        stretches = rows.groupBy(*load, F.shiftright("offset", 6).alias("stretch")).agg(
            F.count("*").alias("rows"),
            F.min("offset").alias("first"),
            F.max("offset").alias("last"),
            fingerprint(rows.columns).alias("hash"),
            fingerprint(seal or rows.columns).alias("seal"),
            F.bit_or(F.expr("shiftleft(1L, CAST(`offset` & 63 AS INT))")).alias("bits"),
        )
        once = stretches.groupBy(*place).agg(
            F.bit_count(F.bit_or("bits")).alias("unique"),
            F.collect_list(F.struct("load", "rows", "first", "last", "hash", "seal")).alias("parts"),
        )
        parts = once.select(*place, "unique", F.posexplode("parts").alias("nth", "part"))
        found = (
            parts.select(*load[:2], "part.*", F.when(F.col("nth") == 0, F.col("unique")).alias("unique"))
            .groupBy(*load)
            .agg(F.sum("rows"), F.min("first"), F.max("last"), F.bit_xor("hash"), F.bit_xor("seal"), F.sum("unique"))
            .collect()
        )
        self.parts = [Part(*row[:8]) for row in found]
        self.rows, self.unique = sum(each.rows for each in self.parts), sum(row[8] or 0 for row in found)
        self.hash = entries.checksum(each.hash for each in self.parts)

    def checks(self) -> list[Check]:
        """What must hold of every ledger."""
        name = self.table.name
        numbers = [entry.sequence for entry in self.entries]
        strangers = [f"version {each.version} {each.operation}" for each in entries.strangers(self.history)]
        return [
            Check(f"{name}: numbers of the ledger", [*range(1, len(numbers) + 1)], numbers),
            Check(f"{name}: changes without an entry", [], strangers),
        ]

    def sealed(self, above: "Layer") -> list[Check]:
        """Whether the rows are those that the next layer read; nothing when an entry of before does not say."""
        since = max((number for number, each in enumerate(above.current) if each.whole), default=0)
        said = [entry.checksum for entry in above.current[since:]]
        if not all(said):
            return []
        found = entries.checksum(each.seal for each in self.parts if each.load <= above.entries[-1].through)
        expected = entries.checksum(int(each, 16) for each in said)
        return [Check(f"{self.table.name}: fingerprint of the rows as {above.table.name} read them", expected, found)]


def of_bronze(
    bronze: Layer, counts: dict[str, int], available: dict[int, tuple[int, int]], topic_id: str
) -> list[Check]:
    """What must hold of bronze against the topic."""
    bronze.look(COLUMNS)
    taken = [window for entry in bronze.entries for window in entry.windows]
    gone = [window for entry in bronze.entries for window in entry.expired]
    later = skipped(bronze.entries)
    ends = {window.partition: window.end for window in sorted([*taken, *gone])}
    counts["bronze"] = bronze.rows
    counts["offsets"] = sum(window.offsets for window in taken)
    counts["holes"] = counts["offsets"] - bronze.rows
    counts["expired"] = sum(window.offsets for window in gone)
    counts["skipped"] = sum(window.offsets for window in later)
    counts["behind"] = sum(end - ends.get(each, first) for each, (first, end) in available.items())
    ahead = [each for each, end in ends.items() if end > available.get(each, (0, 0))[1]]
    topics = sorted({each.topic_id for each in bronze.entries})
    checks = [
        Check("bronze: read from this topic, by its id", [topic_id], topics),
        Check("bronze: partitions loaded beyond the topic's end", [], ahead),
        Check("bronze: breaks between windows", [], windows.overlaps_and_gaps([*taken, *gone, *later])),
        Check("bronze: rows by the ledger", bronze.written, bronze.rows),
        Check("bronze: distinct (topic, partition, offset)", bronze.rows, bronze.unique),
        Check("bronze: rows outside the windows of their entry", 0, outside(bronze.entries, bronze.parts)),
    ]
    if hollow := windows.clip(with_holes(bronze.entries, bronze.parts), available):
        checks.append(Check("bronze: records of the topic that are not there", 0, _forgotten(bronze, hollow)))
    return checks


def outside(ledger: list[Entry], parts: list[Part]) -> int:
    """How many rows lie, by their offsets, in a stretch that leaves the windows of their entry."""
    spans = {(load, part): (min(w.first for w in all_), max(w.end for w in all_)) for (load, part), all_ in _by(ledger)}
    nothing = (0, 0)
    return sum(
        part.rows
        for part in parts
        for first, end in [spans.get((part.load, part.partition), nothing)]
        if not first <= part.first <= part.last < end
    )


def with_holes(ledger: list[Entry], parts: list[Part]) -> list[Window]:
    """The windows with fewer rows than offsets: the rest must be holes (compaction, transaction marks)."""
    found: Counter[tuple[int, int]] = Counter()
    for part in parts:
        found[part.load, part.partition] += part.rows
    return [window for key, all_ in _by(ledger) if found[key] < sum(w.offsets for w in all_) for window in all_]


def _by(ledger: list[Entry]) -> Iterable[tuple[tuple[int, int], list[Window]]]:
    """The windows by entry and partition."""
    grouped: defaultdict[tuple[int, int], list[Window]] = defaultdict(list)
    for entry in ledger:
        for window in entry.windows:
            grouped[entry.sequence, window.partition].append(window)
    return grouped.items()


def _forgotten(bronze: Layer, hollow: list[Window]) -> int:
    """How many records the topic still has in these windows, and bronze has not: none, if all holes are holes."""
    there = records(bronze.table.spark, hollow).select(*ORIGIN)
    return there.join(bronze.read().select(*ORIGIN), on=[*ORIGIN], how="left_anti").count()


def of_silver(silver: Layer, bronze: Layer, counts: dict[str, int], rules: datasets.Dataset) -> list[Check]:
    """What must hold of silver against bronze."""
    silver.look()
    counts["silver"] = silver.rows
    unique = silver.read().select(*rules.KEY).distinct().count()
    dead, events = (
        rules.parse(bronze.read())
        .agg(F.count("reason"), F.count_distinct(*(F.when(F.col("reason").isNull(), F.col(key)) for key in rules.KEY)))
        .collect()[0]
    )
    records = sum(entry.counts["records"] for entry in silver.current)
    partly = any(entry.redone for entry in silver.current)  # nobody noted how many died in a part of an entry
    counts["dead"] = dead if partly else sum(entry.counts["dead"] for entry in silver.current)
    counts["duplicates"] = records - counts["dead"] - silver.rows
    return [
        Check("silver: records taken from bronze", bronze.written, records),
        *bronze.sealed(silver),
        Check("silver: rows by the ledger", silver.written, silver.rows),
        Check("silver: events in bronze, counted anew", events, silver.rows),
        Check("silver: events, each once", silver.rows, unique),
        Check("silver: records, each once", silver.rows, silver.unique),
        Check("silver: dead records in bronze, counted anew", dead, counts["dead"]),
    ]


def of_letters(topic: str, silver: Layer, bronze: Layer, counts: dict[str, int]) -> list[Check]:
    """The dead letters of this topic's records that a finished clean-up wrote, and those that were put back.

    One that was put back stays dead: the record that was put back is another one, with its own offset and its own fate.
    """
    written = [entry.sequence for entry in silver.current]
    with dlq.index(dlq.topic_of(topic)) as letters:
        checks = [Check("dead letters on the topic", counts["dead"], letters.of_entries(written))]
        counts["redriven"] = letters.redriven(topic)
    if counts["redriven"] and not any(counts.get(each) for each in ("behind", "expired", "skipped")):
        back = bronze.read().where(columns.put_back()).count()
        checks.append(Check("bronze: letters that were put back on the topic, each once", counts["redriven"], back))
    return checks


def of_gold(gold: Layer, silver: Layer, counts: dict[str, int], rules: datasets.Dataset) -> list[Check]:
    """What must hold of gold against silver."""
    rows = gold.read()
    counts["gold"], hashed, events = rows.agg(F.count("*"), fingerprint(rows.columns), F.sum(rules.TOTAL)).collect()[0]
    gold.hash = entries.checksum([hashed])
    return [
        Check("gold: entries of silver included", len(silver.entries), gold.entries[-1].through),
        *silver.sealed(gold),
        Check("gold: events counted", silver.written, events or 0),
    ]


def of_exports(gold: Table, exports: Table, counts: dict[str, int]) -> list[Check]:
    """What must hold of the queue against gold."""
    done = exports.read() if exports.ledger() else None
    checks = [Check("export: rows of gold not sent", 0, pending(gold, done).count())]
    if done is not None:
        found = done.agg(F.count("message_id"), F.count("refused"), F.count("*") - F.count_distinct("id")).collect()[0]
        counts["accepted"], counts["refused"] = found[0], found[1]
        checks.append(Check("export: rows sent twice", 0, found[2]))
    return checks
