"""Judging a model: by a file, or by what was scored from a topic."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import csv
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.errors import JobError, UsageError
from jobs.forest import connections, model, store, tally
from jobs.forest.connections import Lines, Read
from jobs.forest.judging import Figures
from jobs.forest.tally import Sure
from jobs.lake import Table

log = logging.getLogger(__name__)
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
COLUMNS = ("line", "said", "probability", "label", "class", "reason")


@dataclass(frozen=True)
class Evaluated:
    """How good a model is.

    Args:
        source: The file or the table.
        models: The versions whose word it was.
        lines: How many lines or rows there are; `lines = records + unlabelled + bad`.
        records: How many were judged.
        unlabelled: How many nobody knows the class of.
        bad: How many lines are no connections, by reason.
        accuracy: The share whose class is right.
        macro_f1: The mean F1 of the five classes; one without records counts 0.
        binary_accuracy: The share that is rightly called an attack or none.
        classes: Records, precision, recall and F1 of each class.
        confusion: Rows are what they are, columns what they were taken for.
        labels: What each label was taken for.
        calibration: How sure the model was, and how right.
        latency_ms: From the producer's timestamp to the scoring, by share of the rows; of a topic alone.
    """

    source: str
    models: list[int]
    lines: int
    records: int
    unlabelled: int
    bad: dict[str, int]
    accuracy: float
    macro_f1: float
    binary_accuracy: float
    classes: dict[str, Figures]
    confusion: dict[str, dict[str, float]]
    labels: dict[str, dict[str, int]]
    calibration: list[Sure]
    latency_ms: dict[str, float]


def file(spark: SparkSession, lines: Lines, version: int, labels: Path | None) -> Evaluated:
    """Judge a model by a file.

    Args:
        spark: A driver of its own.
        lines: Those of the file.
        version: The model's; 0 is the newest.
        labels: Where to write what each line was taken for.
    """
    chosen = store.model(spark, version)
    read = connections.read(spark, lines)
    scored = model.said(chosen.load(), read.rows).select("line", "said", "probability", "label", "class")
    if labels:
        scored = scored.localCheckpoint()
        _write(labels, scored, read)
    tallies = tally.tally(scored.where("class IS NOT NULL"))
    return Evaluated(
        source=lines.source,
        models=[chosen.version],
        lines=len(lines.lines),
        unlabelled=read.unlabelled,
        bad=read.bad,
        latency_ms={},
        **_figures(tallies),
    )


def topic(spark: SparkSession, name: str, version: int) -> Evaluated:
    """Judge what was scored from a topic.

    Args:
        spark: Any session.
        name: The topic; its table is `scored/TOPIC`.
        version: Only what this model said; 0 is all of them.

    Raises:
        JobError: Nothing was scored, or the class of nothing is known.
    """
    rows = Table(spark, f"scored/{name}").found()
    if rows is None:
        raise JobError(f"there is no table scored/{name}", hint=f"headrace forest score --topic={name}")
    if version:
        rows = rows.where(F.col("model") == version)
    late = F.unix_micros("scored") - F.unix_micros("timestamp")
    found = rows.agg(
        F.count("*"),
        F.count("class"),
        F.sort_array(F.collect_set("model")),
        F.percentile_approx(late, [*SHARES.values()], 10_000),
    ).collect()[0]
    lines, records, models, latency = found
    if not records:
        raise JobError(f"scored/{name}: of {lines} rows none has a class to judge by", hint="docs/intrusions.md")
    tallies = tally.tally(rows.where("class IS NOT NULL"))
    latency_ms = {share: each / 1000 for share, each in zip(SHARES, latency, strict=True)}
    return Evaluated(
        source=f"scored/{name}",
        models=models,
        lines=lines,
        unlabelled=lines - records,
        bad={},
        latency_ms=latency_ms,
        **_figures(tallies),
    )


def _figures(tallies: list[tally.Tally]) -> dict[str, Any]:
    judged = asdict(tally.judged(tallies))
    judged["records"] = int(judged["records"])
    return {**judged, "labels": tally.attacks(tallies), "calibration": tally.calibration(tallies)}


def _write(labels: Path, scored: DataFrame, read: Read) -> None:
    """One line each, in their order, also for those that are no connections: these with the reason.

    Raises:
        UsageError: It can't be written there.
    """
    both = scored.unionByName(read.wrong, allowMissingColumns=True).select(*COLUMNS).orderBy("line")
    rows = both.toArrow().to_pylist()
    try:
        with labels.open("w", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(f"{labels}: {error.strerror}", hint="--labels=PATH, in a folder that is there") from error
    log.info("%s says what each of %d lines was taken for", labels, len(rows))
