"""Growing a forest, and judging it by what it has not seen."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import time
from dataclasses import dataclass

from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets.nslkdd import FEATURES
from jobs.forest import connections, folds, model, tally
from jobs.forest import search as search_
from jobs.forest.connections import Lines, Read
from jobs.forest.drift import Reference, reference
from jobs.forest.model import Options
from jobs.forest.search import Search, Tried
from jobs.forest.tally import Tally

SAMPLE = 20_000  # rows that tell how features are distributed
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Grown:
    """A forest, and what is known of it.

    Args:
        pipeline: From features to class.
        options: What it was grown with.
        seed: And from which seed.
        lines: What it learned from.
        read: What the lines are.
        trained: How many different connections it was grown from, by label.
        tallies: What it said of those that were held back.
        tried: The options that were tried.
        reference: How the features of the lines were distributed.
        seconds: How long growing took.
    """

    pipeline: PipelineModel
    options: Options
    seed: int
    lines: Lines
    read: Read
    trained: dict[str, int]
    tallies: list[Tally]
    tried: list[Tried]
    reference: Reference
    seconds: float


def grow(spark: SparkSession, lines: Lines, options: Options, seed: int, search: Search) -> Grown:
    """Train with eight tenths of the different connections, and judge by the rest.

    Args:
        spark: A driver of its own.
        lines: What to learn from.
        options: What to grow it with, unless the search finds better.
        seed: The same seed, data and options are the same forest.
        search: How wide to look for better options.

    Raises:
        JobError: There is nothing to learn from.
    """
    read = connections.read(spark, lines)
    rows = folds.distinct(read.rows.where("class IS NOT NULL")).localCheckpoint()
    train = rows.where(folds.training())
    tried = [search_.tried(train, each, seed) for each in search_.candidates(options, search)]
    if tried:
        options = max(tried, key=lambda each: each.macro_f1).options
    begun = time.monotonic()
    pipeline = model.fit(train, options, seed)
    seconds = time.monotonic() - begun
    log.info("%d trees grown in %.1f s", options.trees, seconds)
    tallies = tally.tally(model.said(pipeline, rows.where(~folds.training())))
    counts = {row["label"]: row["count"] for row in train.groupBy("label").count().collect()}
    some = read.rows.where(F.pmod(F.xxhash64("line"), F.lit(max(1, len(lines.lines) // SAMPLE))) == 0)
    shapes = reference(row.asDict() for row in some.select(*FEATURES).collect())
    return Grown(pipeline, options, seed, lines, read, counts, tallies, tried, shapes, round(seconds, 1))
