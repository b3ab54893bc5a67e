"""Gold: what people ask of the events, built anew for the periods that changed."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass

from pyspark.sql import functions as F  # noqa: N812

from jobs import datasets, entries
from jobs.job import job
from jobs.lake import Entry, Table, fingerprint, included
from jobs.spark import session


@dataclass(frozen=True)
class Built:
    """What one build did.

    Args:
        table: Layer and table.
        entry: Its number in the table's ledger; 0 if there was nothing to do.
        periods: How many periods were built anew.
        rows: Rows written for them.
    """

    table: str
    entry: int = 0
    periods: int = 0
    rows: int = 0


@job("spark", cpu="500m", memory="1Gi", retries=3, minutes=60, needs=("lake", "spark"))
def build(topic: str, dataset: datasets.Name, *, rebuild: bool = False) -> Built:
    """Build the gold table again for every period in which silver has changed.

    Args:
        topic: The topic that the tables are named for.
        dataset: Whose rules say what gold holds.
        rebuild: Make the table anew from all of silver, in one commit: for a dataset whose rules have changed. When
            silver was made anew, gold is, too.
    """
    spark = session("gold-build")
    silver, gold = Table(spark, f"silver/{topic}"), Table(spark, f"gold/{topic}")
    history, ledger = silver.history(), gold.ledger()
    below = entries.entries(history)
    done = 0 if rebuild else included(gold.name, ledger, below)
    if len(below) == done:
        return Built(gold.name)
    anew = rebuild or (done > 0 and any(each.anew for each in below[done:]))
    rules = datasets.named(dataset)
    period = F.col(rules.PERIOD).cast("string")
    events = silver.read(history[-1].version)
    changed = events.where(F.col("load") > done).groupBy(period).agg(fingerprint(events.columns)).collect()
    periods = sorted(row[0] for row in changed)
    entry = Entry(
        len(ledger) + 1,
        through=len(below),
        below=below[-1].id,
        counts={"periods": len(periods)},
        anew=anew,
        checksum=entries.checksum(row[1] for row in changed),
    )
    rows = rules.build(events if anew else events.where(period.isin(periods)))
    if ledger and not anew:
        gold.must_fit(rows, f"headrace gold build --topic={topic} --dataset={dataset} --rebuild")
    matches = ", ".join(f"'{each}'" for each in periods)
    replace = f"CAST({rules.PERIOD} AS STRING) IN ({matches})" if ledger and periods else ""
    written = gold.commit(rows, entry, replace=replace)
    return Built(gold.name, entry.sequence, len(periods), written.rows)
