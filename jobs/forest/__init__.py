"""A random forest that tells attacks from other connections, and how good it is."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import UsageError
from jobs.forest import card, connections, store, tally, training
from jobs.forest.model import Options
from jobs.job import job
from jobs.spark import session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What one training did.

    Args:
        version: The model's number: a new one, or that of the one that is young enough.
        trained: Whether it is new.
        days: How old it is.
        macro_f1: The mean F1 of the five classes, for connections that were held back.
        accuracy: The share of them whose class is right.
        binary_accuracy: The share that is rightly called an attack or none.
        records: How many different connections it learned from.
        bad: How many lines were left out.
        seconds: How long the forest took to grow.
    """

    version: int
    trained: bool
    days: float
    macro_f1: float
    accuracy: float
    binary_accuracy: float
    records: int = 0
    bad: int = 0
    seconds: float = 0


@job("spark", cpu="1", memory="2Gi", retries=1, minutes=120, needs=("lake", "spark"))
def train(
    *,
    data: str = "",
    generated: int = 0,
    trees: int = Options.trees,
    depth: int = Options.depth,
    leaf: int = Options.leaf,
    share: float = Options.share,
    balance: float = Options.balance,
    spread: float = Options.spread,
    seed: int = 1,
) -> Trained:
    """Train a forest, judge it by connections that were held back, and keep it with its card as the next version.

    Args:
        data: A file in NSL-KDD's format, packed with gzip or not.
        generated: Learn from so many generated connections instead.
        trees: How many trees.
        depth: The longest way from a root to a leaf.
        leaf: The fewest records of a leaf.
        share: The share of the features that each split looks at.
        balance: How much more a rare class weighs: 0 is each record the same, 1 is each class the same.
        spread: The same for the attacks of one class.
        seed: The same seed and data are the same forest.
    """
    if bool(data) == bool(generated):
        raise UsageError("what to learn from: a file, or generated connections", hint="--data=PATH or --generated=N")
    lines = connections.file(Path(data)) if data else connections.generated(generated)
    options = Options(trees, depth, leaf, share, balance, spread)
    spark = session("forest-train", own=True)
    grown = training.grow(spark, lines, options, seed)
    judged = tally.judged(grown.tallies)
    run = os.environ.get("HEADRACE_RUN", "by hand")
    kept = store.save(spark, grown.pipeline, run, lines.digest, lambda version: card.written(version, grown))
    return Trained(
        kept.version,
        True,
        0,
        judged.macro_f1,
        judged.accuracy,
        judged.binary_accuracy,
        sum(grown.trained.values()),
        sum(grown.bad.values()),
        grown.seconds,
    )
