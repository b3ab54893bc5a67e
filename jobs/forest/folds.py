"""Which records train, which judge, and which attacks are hidden meanwhile: by hashes, so that it is always the same.

Equal connections have the same hash, so none is on both sides.
"""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from random import Random

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets.nslkdd import CLASS_OF, FEATURES, NORMAL

PARTS = 10
"""A tenth and a tenth again are held back from training, to judge by."""

HELD_BACK = 2
FOLDS = 4


def distinct(rows: DataFrame) -> DataFrame:
    """Each connection once, with its hash; those that are in several classes are left out.

    Args:
        rows: Features, `label` and `class`.
    """
    return (
        rows.groupBy(*FEATURES)
        .agg(F.min("label").alias("label"), F.min("class").alias("class"), F.max("class").alias("other"))
        .where("class = other")
        .drop("other")
        .withColumn("hash", F.pmod(F.xxhash64(*FEATURES), F.lit(PARTS * FOLDS)))
    )


def training() -> Column:
    """Whether a record trains."""
    return F.col("hash") % PARTS >= HELD_BACK


def fold(number: int) -> Column:
    """Whether a record that trains judges in this fold instead."""
    return F.floor(F.col("hash") / PARTS) == number


def hidden(labels: list[str], seed: int, folds: int = FOLDS) -> list[set[str]]:
    """The attacks that each fold hides from training: each attack in one fold, each class spread over all of them.

    Args:
        labels: Those of the training records.
        seed: Another is another order.
        folds: How many.
    """
    found: list[set[str]] = [set() for _ in range(folds)]
    attacks = sorted((CLASS_OF[each], each) for each in labels if each != NORMAL)
    random = Random(seed)  # noqa: S311 - nothing secret is drawn
    random.shuffle(attacks)
    for at, (_, label) in enumerate(sorted(attacks, key=lambda each: each[0])):
        found[at % folds].add(label)
    return found
