"""The ledger: what every table says it took, held against what it has."""

import logging
from dataclasses import dataclass

from pyspark.sql import functions as F  # noqa: N812

from jobs import dlq, sqs, windows
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
        checks: All that was held against each other.
        broken: Those that do not hold, as sentences.
    """

    counts: dict[str, int]
    checks: list[Check]
    broken: list[str]


@job("spark", cpu="500m", memory="512Mi", retries=2, minutes=30, needs=("kafka", "lake", "spark"))
def verify(topic: str, *, queue: str = "") -> Verified:
    """Prove that no record is missing and none is there twice, from the topic to the queue.

    Args:
        topic: The topic that the tables are named for.
        queue: The queue to which gold is exported; without it the export is left out.
    """
    spark = session("ledger-verify")
    bronze, silver, gold = (Table(spark, f"{layer}/{topic}") for layer in LAYERS)
    ledgers = {table.name: table.ledger() for table in (bronze, silver, gold)}
    counts = {"offsets": sum(w.offsets for e in ledgers[bronze.name] for w in e.windows)}
    checks = [
        Check(f"{name}: numbers of the ledger", [*range(1, len(ledger) + 1)], [e.sequence for e in ledger])
        for name, ledger in ledgers.items()
    ]
    if ledgers[bronze.name]:
        checks += _bronze(bronze, ledgers[bronze.name], counts)
    if ledgers[silver.name]:
        checks += _silver(silver, ledgers[silver.name], ledgers[bronze.name], counts)
        letters = len([*dlq.letters(dlq.topic_of(topic))])
        checks.append(Check("dead letters on the topic", counts["dead"], letters))
    if ledgers[gold.name]:
        checks += _gold(gold, ledgers[gold.name], ledgers[silver.name], counts)
    if queue and ledgers[gold.name]:
        exported = Table(spark, f"exports/{queue}")
        done = exported.read() if exported.ledger() else None
        checks.append(Check("rows of gold not exported", 0, len(sqs.to_messages(gold.read(), done))))
        if done is not None:
            counts["exported"], unique, counts["refused"] = done.agg(
                F.count("message_id"), F.count_distinct("id"), F.count("refused")
            ).collect()[0]
            checks.append(Check("messages exported twice", 0, done.count() - unique))
    broken = [f"{each.what}: {each.found}, not {each.expected}" for each in checks if not each.ok]
    result = Verified(counts, checks, broken)
    if broken:
        raise UnhealthyError(
            f"the ledger of {topic} does not add up: {'; '.join(broken)}",
            hint=f"headrace ledger verify --topic={topic} --output=table",
            result=result,
        )
    return result


LAYERS = ("bronze", "silver", "gold")


def _bronze(table: Table, ledger: list[Entry], counts: dict[str, int]) -> list[Check]:
    rows, unique = (
        table.read()
        .agg(F.count("*"), F.count_distinct("topic", "partition", "offset"))
        .collect()[0]
    )
    counts["bronze"] = rows
    counts["holes"] = counts["offsets"] - rows
    taken = [window for entry in ledger for window in entry.windows]
    return [
        Check("bronze: breaks between windows", [], windows.overlaps_and_gaps(taken)),
        Check("bronze: rows by the ledger", sum(entry.rows for entry in ledger), rows),
        Check("bronze: rows of one (topic, partition, offset)", rows, unique),
    ]


def _silver(
    table: Table, ledger: list[Entry], below: list[Entry], counts: dict[str, int]
) -> list[Check]:
    rows = table.read().count()
    records = sum(entry.counts["records"] for entry in ledger)
    counts["silver"], counts["dead"] = rows, sum(entry.counts["dead"] for entry in ledger)
    counts["duplicates"] = records - counts["dead"] - rows
    return [
        Check("silver: records taken from bronze", sum(entry.rows for entry in below), records),
        Check("silver: rows by the ledger", sum(entry.rows for entry in ledger), rows),
    ]


def _gold(
    table: Table, ledger: list[Entry], below: list[Entry], counts: dict[str, int]
) -> list[Check]:
    counts["gold"] = table.read().count()
    events = table.read().agg(F.sum("events")).collect()[0][0] or 0
    return [
        Check("gold: entries of silver included", len(below), ledger[-1].through),
        Check("gold: events counted", sum(entry.rows for entry in below), events),
    ]
