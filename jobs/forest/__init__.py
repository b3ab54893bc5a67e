"""A random forest that tells attacks from other connections, and how good it is."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jobs import times
from jobs.errors import UsageError
from jobs.forest import card, connections, store, tally, training
from jobs.forest.drift import Drift
from jobs.forest.model import Options
from jobs.forest.scorer import Scorer
from jobs.forest.stream import Stream
from jobs.job import job
from jobs.spark import session

log = logging.getLogger(__name__)
TOP = 5  # features that a result names


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


@dataclass(frozen=True)
class Scored:
    """What one scoring did.

    Args:
        topic: What was scored.
        model: The model's version.
        scored: Records that went into `scored/TOPIC`.
        alerts: Attacks that were told.
        dead: Records that went to the dead letters.
        batches: Micro-batches.
        seconds: From the first micro-batch's begin to the end of the last.
        rate: Scored records a second of them.
        late_p50_ms: From a record's own time to its alert's acknowledgement: half of the alerts at most so.
        late_p99_ms: The same for 99 of 100.
        drift: The features that are farthest from what they were in training.
    """

    topic: str
    model: int
    scored: int
    alerts: int
    dead: int
    batches: int
    seconds: float
    rate: float
    late_p50_ms: float
    late_p99_ms: float
    drift: list[Drift]


@job("spark", cpu="1", memory="2Gi", retries=3, minutes=1440, needs=("kafka", "lake", "spark"))
def score(
    topic: str = "demo",
    *,
    alerts: str = "alerts",
    version: int = 0,
    trigger: str = "1s",
    idle: int = 0,
    max_offsets: int = 50_000,
    start: Literal["earliest", "latest"] = "earliest",
) -> Scored:
    """Score a topic as it comes: each record once into `scored/TOPIC`, and each attack once onto the topic of alerts.

    It goes on where the table ends, whatever was killed. A second one on the same topic takes over from the first.

    Args:
        topic: What to score; its dead letters go to `TOPIC.dlq`.
        alerts: Where attacks are told.
        version: Which model; 0 is the newest there is when it starts.
        trigger: How often to score what came meanwhile: shorter tells sooner, longer costs less.
        idle: End when nothing came for so many seconds; 0 is to go on until told to end.
        max_offsets: At most so many at once, which bounds memory when there is much to catch up on.
        start: Where to begin when nothing of the topic was scored yet.
    """
    every = times.seconds(trigger)
    if every <= 0 or idle < 0 or max_offsets < 1:
        raise UsageError("--trigger, --idle and --max-offsets are not below 0", hint="headrace forest score --help")
    spark = session("forest-score", own=True)
    model = store.model(spark, version)
    scorer = Scorer(spark, topic, alerts, model)
    stream = Stream(scorer, scorer.begin(start), max_offsets)
    log.info("%s: scored by model %d, of %s", topic, model.version, f"{model.trained:%Y-%m-%d %H:%M}")
    seconds = stream.run(every, idle)
    scorer.close()
    tally, late = scorer.tally, scorer.tally.late
    return Scored(
        topic,
        model.version,
        tally.scored,
        tally.alerts,
        tally.dead,
        tally.batches,
        round(seconds, 3),
        round(tally.scored / seconds, 1) if seconds else 0.0,
        round(late.percentile(0.5), 1),
        round(late.percentile(0.99), 1),
        scorer.watch.drifts()[:TOP],
    )
