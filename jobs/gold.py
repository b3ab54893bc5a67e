"""Gold: what people ask of the events, built anew for the periods that changed."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass

from pyspark.sql import functions as F  # noqa: N812

from jobs import datasets, entries, redone
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
def build(
    topic: str, dataset: datasets.Name, *, rebuild: bool = False, redo: str = "", why: str = "", once: str = ""
) -> Built:
    """Build the gold table again for every period in which silver has changed.

    Args:
        topic: The topic that the tables are named for.
        dataset: Whose rules say what gold holds.
        rebuild: Make the table anew from all of silver, in one commit: for a dataset whose rules have changed. When
            silver was made anew, gold is, too.
        redo: Build the periods of the events in these windows again, too, as 0:10-20,1:5-9.
        why: Why they are built again, for the ledger.
        once: What the ledger calls this; if it knows the name already, nothing is built again.
    """
    spark = session("gold-build")
    silver, gold = Table(spark, f"silver/{topic}"), Table(spark, f"gold/{topic}")
    history, ledger = silver.history(), gold.ledger()
    below = entries.entries(history)
    if not below and not ledger:
        return Built(gold.name)
    done = 0 if rebuild else included(gold.name, ledger, below)
    again = [] if once and any(each.once == once for each in ledger) else redone.read(redo, topic)
    if len(below) == done and not again:
        return Built(gold.name)
    anew = rebuild or (done > 0 and any(each.anew for each in below[done:]))
    rules = datasets.named(dataset)
    period = F.col(rules.PERIOD).cast("string")
    events = silver.read(history[-1].version)
    touched = (F.col("load") > done) | F.expr(redone.inside(again))
    changed = events.where(touched).groupBy(period).agg(fingerprint(events.columns)).collect()
    left = {each for entry in below[done:] for each in entry.periods}  # rows that were replaced had these
    periods = sorted({row[0] for row in changed} | left)
    whole = anew or any(entry.redone for entry in below[done:])
    hashes = [row[1] for row in changed]
    if whole or again:
        read = events if whole else events.where(F.col("load") > done)
        hashes = [read.agg(fingerprint(events.columns)).collect()[0][0]]
    entry = Entry(
        len(ledger) + 1,
        through=len(below),
        below=below[-1].id,
        counts={"periods": len(periods)},
        anew=anew,
        checksum=entries.checksum(hashes),
        whole=whole,
        redone=again,
        why=why if again else "",
        once=once if again else "",
    )
    rows = rules.build(events if anew else events.where(period.isin(periods)))
    if ledger and not anew:
        gold.must_fit(rows, f"headrace gold build --topic={topic} --dataset={dataset} --rebuild")
    matches = ", ".join(f"'{each}'" for each in periods)
    replace = f"CAST({rules.PERIOD} AS STRING) IN ({matches})" if ledger and periods else ""
    written = gold.commit(rows, entry, replace=replace)
    return Built(gold.name, entry.sequence, len(periods), written.rows)
