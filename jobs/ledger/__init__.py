"""The ledger: what every table says it took, held against what it has."""

from dataclasses import dataclass

from jobs import datasets, dlq, kafka, settings
from jobs.errors import JobError, UnhealthyError
from jobs.job import job
from jobs.lake import Table
from jobs.ledger import checks as must
from jobs.ledger.checks import Check, Layer
from jobs.shown import Shown, shown
from jobs.spark import session

LAYERS = ("bronze", "silver", "gold")


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


@job("spark", cpu="500m", memory="1536Mi", retries=2, minutes=30, needs=("kafka", "lake", "spark"))
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
    checks += must.of_bronze(bronze, counts, available, topic_id)
    checks += must.of_silver(silver, bronze, counts, rules)
    if all(first == 0 for first, _ in kafka.watermarks(dlq.topic_of(topic)).values()):  # none has expired
        checks += must.of_letters(topic, silver, bronze, counts)
    checks += must.of_gold(gold, silver, counts, rules)
    if queue:
        checks += must.of_exports(gold.table, Table(spark, f"exports/{queue}"), counts)
    hashes = {layer.table.name: layer.hash for layer in (bronze, silver, gold)}
    broken = [f"{each.what}: {each.found}, not {each.expected}" for each in checks if not each.ok]
    result = Verified(counts, hashes, checks, broken)
    if broken:
        raise UnhealthyError(f"the ledger of {topic} does not add up: {'; '.join(broken)}", result=result)
    return result


@job("spark", cpu="500m", memory="1Gi", retries=2, minutes=15, needs=("kafka", "lake", "spark"))
def show(topic: str, *, last: int = 10) -> Shown:
    """Show what each table took, when and by which run, and how far it is against the topic.

    Args:
        topic: The topic that the tables are named for.
        last: How many entries of each table, the newest first.
    """
    try:
        available = kafka.watermarks(topic)
    except JobError:  # the topic may be gone, its tables are not
        available = None
    spark = session("ledger-show")
    tables = [Table(spark, f"{layer}/{topic}") for layer in LAYERS]
    found = {table.name: table.history() for table in tables}
    if not any(found.values()):
        raise UnhealthyError(
            f"there is nothing to show: no table of {topic} in {settings.load(settings.Lake).uri}",
            hint=f"headrace bronze load --topic={topic}, or check the name and LAKE_URI",
        )
    return shown(topic, found, available, last)
