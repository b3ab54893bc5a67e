"""What a model said of connections, counted: all that a judgement needs, and small."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets.nslkdd import CLASS_OF
from jobs.forest.judging import Judgement, judge

BINS = 10


@dataclass(frozen=True)
class Tally:
    """Records of one label that were taken for one class, about as surely.

    Args:
        label: What they are.
        said: The class they were taken for.
        bin: Which tenth of the probabilities, 0 to 9.
        records: How many.
        probability: The sum of theirs.
    """

    label: str
    said: str
    bin: int
    records: int
    probability: float


@dataclass(frozen=True)
class Sure:
    """How often the model is right when it is about so sure.

    Args:
        records: How often it is.
        probability: How sure, in the mean.
        right: The share that is right.
    """

    records: int
    probability: float
    right: float


def tally(scored: DataFrame) -> list[Tally]:
    """Count rows with `label`, `said` and `probability`."""
    tenth = F.least(F.floor(F.col("probability") * BINS), F.lit(BINS - 1)).cast("int").alias("bin")
    counted = scored.groupBy("label", "said", tenth).agg(F.count("*"), F.sum("probability"))
    return [Tally(*row) for row in counted.collect()]


def judged(tallies: Iterable[Tally]) -> Judgement:
    """The figures."""
    confusion: Counter[tuple[str, str]] = Counter()
    for each in tallies:
        confusion[CLASS_OF[each.label], each.said] += each.records
    return judge(confusion)


def attacks(tallies: Iterable[Tally]) -> dict[str, dict[str, int]]:
    """What each label was taken for."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in tallies:
        found[each.label][each.said] += each.records
    return {label: dict(found[label]) for label in sorted(found)}


def calibration(tallies: Iterable[Tally]) -> list[Sure]:
    """How sure the model was and how right, by tenths; those that it never was are left out."""
    bins: defaultdict[int, list[Tally]] = defaultdict(list)
    for each in tallies:
        bins[each.bin].append(each)
    found: list[Sure] = []
    for number in sorted(bins):
        records = sum(each.records for each in bins[number])
        right = sum(each.records for each in bins[number] if CLASS_OF[each.label] == each.said)
        found.append(Sure(records, sum(each.probability for each in bins[number]) / records, right / records))
    return found
