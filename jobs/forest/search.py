"""Which parameters are best: tried on folds of the training data that also hide attacks from the forest."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets.nslkdd import NORMAL
from jobs.forest import folds, model
from jobs.forest.favour import Guesses, chosen, expected
from jobs.forest.model import Options

log = logging.getLogger(__name__)
Search = Literal["none", "given", "small"]


@dataclass(frozen=True)
class Tried:
    """Options, and what can be expected of them when a sixth of the connections are attacks of unknown kinds.

    Args:
        options: With the favour that was best.
        macro_f1: The mean F1 of the five classes.
        accuracy: The share whose class is right.
        recall: That of each class.
        plain: The macro F1 with no class favoured.
        seconds: How long all folds took.
    """

    options: Options
    macro_f1: float
    accuracy: float
    recall: dict[str, float]
    plain: float
    seconds: float


def candidates(given: Options, search: Search) -> list[Options]:
    """What to try: nothing, what was given, or that and some others."""
    if search == "none":
        return []
    if search == "given":
        return [given]
    return [
        given,
        replace(given, spread=1 - given.spread),
        replace(given, leaf=given.leaf * 3),
        replace(given, share=given.share / 2),
        replace(given, depth=max(2, given.depth // 2)),
        replace(given, balance=given.balance / 2),
    ]


def tried(train: DataFrame, options: Options, seed: int) -> Tried:
    """What can be expected of options.

    Args:
        train: The different connections that train, with their hash.
        options: What to try; another favour is chosen.
        seed: Another hides other attacks together.
    """
    begun = time.monotonic()
    labels = [row["label"] for row in train.select("label").distinct().collect()]
    parts = [_guesses(train, options, seed, fold, hid) for fold, hid in enumerate(folds.hidden(labels, seed))]
    guesses = Guesses(
        [label for part in parts for label in part.labels],
        [unseen for part in parts for unseen in part.unseen],
        np.concatenate([part.probabilities for part in parts]),
    )
    best = replace(options, favour=chosen(guesses))
    judged = expected(guesses, best.favour)
    found = Tried(
        best,
        judged.macro_f1,
        judged.accuracy,
        {name: each.recall for name, each in judged.classes.items()},
        expected(guesses, {}).macro_f1,
        round(time.monotonic() - begun, 1),
    )
    log.info("%s: macro F1 %.3f, accuracy %.3f, %.1f s", best, found.macro_f1, found.accuracy, found.seconds)
    return found


def _guesses(train: DataFrame, options: Options, seed: int, fold: int, hid: set[str]) -> Guesses:
    """What a forest thinks of the connections of a fold and of the attacks that were hidden from it."""
    unseen = F.col("label").isin(*hid) if hid else F.lit(False)
    pipeline = model.fit(train.where(~unseen & ~folds.fold(fold)), options, seed)
    judged = pipeline.transform(train.where(unseen | folds.fold(fold)))
    # A hidden attack of another fold is one that a forest knows; and normal ones are never hidden.
    kind = (unseen & (F.col("label") != NORMAL)).alias("unseen")
    found = judged.select("label", kind, vector_to_array(F.col("probability"), "float32").alias("p")).toArrow()
    flat = found["p"].combine_chunks().flatten().to_numpy()
    return Guesses(found["label"].to_pylist(), found["unseen"].to_pylist(), flat.reshape(found.num_rows, -1))
