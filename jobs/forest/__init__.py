"""A random forest that tells attacks from other connections, and how good it is."""

import logging
import os
from pathlib import Path
from typing import Literal

from jobs import times
from jobs.errors import UsageError
from jobs.forest import cards, connections, evaluating, page, store, training
from jobs.forest.cards import CARD
from jobs.forest.evaluating import Evaluated
from jobs.forest.model import Options
from jobs.forest.results import Scored, Status, Trained, Written
from jobs.forest.scorer import Scorer
from jobs.forest.search import Search
from jobs.forest.store import Model
from jobs.forest.stream import Stream
from jobs.job import job
from jobs.spark import session

log = logging.getLogger(__name__)
DAY = 86_400  # seconds
TOP = 5  # features that a result names


@job("spark", cpu="1", memory="3Gi", retries=1, minutes=120, needs=("lake", "spark"))
def train(
    *,
    data: str = "",
    generated: int = 0,
    max_age: str = "",
    search: Search = "none",
    trees: int = Options.trees,
    depth: int = Options.depth,
    leaf: int = Options.leaf,
    share: float = Options.share,
    balance: float = Options.balance,
    spread: float = Options.spread,
    seed: int = 1,
) -> Trained:
    """Train a forest, judge it by what was held back, and keep it with its card as the next version.

    The same data, options and seed are the same forest. One that is killed leaves no model; of two at once each is one.

    Args:
        data: A file in NSL-KDD's format, packed with gzip or not.
        generated: Without a file: learn from so many generated connections.
        max_age: Do nothing if there is a model that is younger, such as 7d; without it one is always trained.
        search: What else to try, on folds of the training data with attacks hidden: nothing, these options (which
            says what may be expected of attacks of unknown kinds, and chooses which classes to favour), or those
            and a small grid around them.
        trees: How many trees.
        depth: The longest way from a root to a leaf, 30 at most.
        leaf: The fewest records of a leaf.
        share: The share of the features that each split looks at, up to 1.
        balance: How much more a rare class weighs: 0 is each record the same, 1 is each class the same.
        spread: The same for the attacks of one class.
        seed: Of the forest and of the folds.
    """
    options = Options(trees, depth, leaf, share, balance, spread)
    _sound(options)
    if not data and generated < 1:
        raise UsageError("what to learn from: a file, or generated connections", hint="--data=PATH or --generated=N")
    oldest = times.seconds(max_age) / DAY
    lines = connections.file(Path(data)) if data else connections.generated(generated)
    spark = session("forest-train", own=True)
    if max_age and (known := store.newest(spark)) and known.days < oldest:
        log.info("model %d is %s old: nothing to do", known.version, times.said(known.days * DAY))
        return _told(known)
    grown = training.grow(spark, lines, options, seed, search)

    def card(version: int) -> tuple[str, str]:
        made = cards.card(version, grown)
        return CARD.dump_json(made).decode(), page.render(made)

    run = os.environ.get("HEADRACE_RUN", "by hand")
    return _told(store.save(spark, grown.pipeline, run, lines.digest, card), trained=True)


@job("spark", cpu="1", memory="3Gi", retries=2, minutes=60, needs=("lake", "spark"))
def evaluate(*, data: str = "", topic: str = "", version: int = 0, labels: str = "") -> Evaluated:
    """Judge a model by a file in NSL-KDD's format, or by what was scored from a topic.

    Lines that are no connections are counted and left out.

    Args:
        data: The file, packed with gzip or not.
        topic: Judge the rows of `scored/TOPIC` whose class is known instead, and how late they were.
        version: Which model; 0 is the newest for a file, and whichever spoke for a topic.
        labels: Write here, as CSV, what each line of the file was taken for.
    """
    if bool(data) == bool(topic) or (topic and labels):
        raise UsageError("what to judge by: a file, or a topic", hint="--data=PATH [--labels=PATH] or --topic=NAME")
    if topic:
        return evaluating.topic(session("forest-evaluate"), topic, version)
    lines = connections.file(Path(data))
    spark = session("forest-evaluate", own=True)
    return evaluating.file(spark, lines, version, Path(labels) if labels else None)


@job("spark", cpu="250m", memory="1Gi", retries=2, needs=("lake", "spark"))
def status(*, max_age: str = "7d") -> Status:
    """Show the newest model, and whether it is stale; that there is none is no failure, but stale.

    Args:
        max_age: How old it may be, such as 7d.
    """
    oldest = times.seconds(max_age) / DAY
    known = store.newest(session("forest-status"))
    if known is None:
        return Status()
    judged = CARD.validate_json(known.card).held_back
    days = known.days
    return Status(
        known.version, round(days, 3), days >= oldest, judged.macro_f1, judged.accuracy, judged.binary_accuracy
    )


@job("spark", cpu="250m", memory="1Gi", needs=("lake", "spark"))
def card(*, version: int = 0, file: str = "model.html") -> Written:
    """Write the card of a model as one HTML page that needs no network, or as JSON.

    Args:
        version: Which model; 0 is the newest.
        file: Where to; a name that ends in .json gets the figures as JSON.
    """
    known = store.model(session("forest-card"), version)
    text = known.card if file.endswith(".json") else known.page
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", hint="--file=PATH, in a folder that is there") from error
    return Written(known.version, file, len(text.encode()))


@job("spark", cpu="1", memory="2Gi", retries=3, minutes=1440, needs=("kafka", "lake", "spark"))
def score(
    topic: str = "demo",
    *,
    alerts: str = "alerts",
    version: int = 0,
    trigger: str = "1s",
    idle: int = 0,
    max_offsets: int = 200_000,
    start: Literal["earliest", "latest"] = "earliest",
) -> Scored:
    """Score a topic as it comes: each record once into a table, and each attack once onto the topic of alerts.

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
        raise UsageError(
            "--trigger and --max-offsets are above 0, --idle not below", hint="headrace forest score --help"
        )
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


def _told(model: Model, *, trained: bool = False) -> Trained:
    known = CARD.validate_json(model.card)
    judged = known.held_back
    return Trained(
        model.version,
        round(model.days, 3),
        False,
        judged.macro_f1,
        judged.accuracy,
        judged.binary_accuracy,
        trained,
        sum(known.connections.values()),
        sum(known.bad.values()) + known.unlabelled,
        known.seconds,
    )


def _sound(options: Options) -> None:
    fits = (
        options.trees >= 1
        and 1 <= options.depth <= 30
        and options.leaf >= 1
        and 0 < options.share <= 1
        and 0 <= options.balance <= 1
        and 0 <= options.spread <= 1
    )
    if not fits:
        raise UsageError(
            "--trees and --leaf are 1 or more, --depth 1 to 30, --share above 0 up to 1, --balance and --spread 0 to 1",
            hint="headrace forest train --help",
        )
