"""Growing a forest, and judging it by what it has not seen."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import time
from dataclasses import dataclass

from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

from jobs.forest import connections, folds, model, tally
from jobs.forest.connections import Lines
from jobs.forest.model import Options
from jobs.forest.tally import Tally

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Grown:
    """A forest, and what is known of it.

    Args:
        pipeline: From features to class.
        options: What it was grown with.
        seed: And from which seed.
        lines: What it learned from.
        read: How many lines that was.
        bad: How many of them are no connections, by reason.
        trained: How many different connections it was grown from, by label.
        tallies: What it said of those that were held back.
        seconds: How long growing took.
    """

    pipeline: PipelineModel
    options: Options
    seed: int
    lines: Lines
    bad: dict[str, int]
    trained: dict[str, int]
    tallies: list[Tally]
    seconds: float


def grow(spark: SparkSession, lines: Lines, options: Options, seed: int) -> Grown:
    """Train with eight tenths of the different connections, and judge by the rest.

    Raises:
        JobError: There is nothing to learn from.
    """
    known = connections.known(spark, lines)
    rows = folds.distinct(known.rows).localCheckpoint()
    log.info("%d lines, %d bad", len(lines.lines), sum(known.bad.values()))
    begun = time.monotonic()
    train = rows.where(folds.training())
    pipeline = model.fit(train, options, seed)
    seconds = time.monotonic() - begun
    log.info("%d trees in %.1f s", options.trees, seconds)
    tallies = tally.tally(model.said(pipeline, rows.where(~folds.training())))
    counts = {row["label"]: row["count"] for row in train.groupBy("label").count().collect()}
    return Grown(pipeline, options, seed, lines, known.bad, counts, tallies, round(seconds, 1))
