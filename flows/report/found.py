"""What a report shows, asked of Kafka and of the tables."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import functions as F  # noqa: N812

from jobs import datasets, dlq, kafka, settings
from jobs.errors import JobError
from jobs.lake import Entry, Table
from jobs.spark import session
from jobs.windows import Window

LAYERS = ("bronze", "silver", "gold")
ROWS = 2_000
"""The most rows of gold that a page shows: the newest periods."""


@dataclass(frozen=True)
class Step:
    """One entry of a table's ledger.

    Args:
        layer: bronze, silver or gold.
        at: When it was committed, in UTC.
        entry: What the ledger says.
    """

    layer: str
    at: datetime
    entry: Entry


@dataclass(frozen=True)
class Run:
    """What one run wrote into the tables.

    Args:
        name: The run.
        began: Its first commit.
        ended: Its last one.
        rows: Rows by layer.
        dead: Records that went to the dead letters.
    """

    name: str
    began: datetime
    ended: datetime
    rows: dict[str, int]
    dead: int


@dataclass(frozen=True)
class Found:
    """All that the page says.

    Args:
        pipeline: The pipeline.
        topic: Its topic.
        at: When this was asked, in UTC.
        lake: Where the tables are.
        counts: Records or rows, from the topic to gold, in order.
        lag: By partition the first offset, the end, and how far bronze is.
        steps: Every entry of every table's ledger, oldest first.
        gold: Rows of gold, the oldest period first.
        period: The column by which gold is built.
        total: The column that counts events.
        letters: Dead letters by reason: the reason, how many, where one was.
        runs: The runs, newest first.
        problems: What could not be asked, as sentences.
    """

    pipeline: str
    topic: str
    at: datetime
    lake: str
    counts: dict[str, int]
    lag: dict[int, tuple[int, int, int]]
    steps: list[Step]
    gold: list[dict[str, Any]]
    period: str
    total: str
    letters: list[tuple[str, int, str]]
    runs: list[Run]
    problems: list[str] = field(default_factory=list[str])

    @property
    def behind(self) -> int:
        """Offsets that the topic has and bronze has not."""
        return sum(end - at for _, end, at in self.lag.values())

    @property
    def windows(self) -> list[tuple[Step, Window]]:
        """What bronze took, oldest first."""
        return [(step, window) for step in self.steps for window in step.entry.windows]


def look(pipeline: datasets.Name, topic: str) -> Found:
    """Ask for everything.

    Raises:
        JobError: Kafka or Spark can't be reached, or there is no table.
    """
    available = kafka.watermarks(topic)
    rules = datasets.named(pipeline)
    spark = session("report")
    tables = {layer: Table(spark, f"{layer}/{topic}") for layer in LAYERS}
    steps = sorted((step for layer, table in tables.items() for step in _steps(layer, table)), key=lambda step: step.at)
    if not steps:
        raise JobError(
            f"there is nothing to report: no table of {topic} in {settings.load(settings.Lake).uri}",
            hint=f"headrace run {pipeline}",
        )
    letters, problems = _letters(topic)
    counts = {"topic": sum(end - first for first, end in available.values())}
    counts |= {layer: sum(step.entry.rows for step in steps if step.layer == layer) for layer in ("bronze", "silver")}
    there = [step for step in steps if step.layer == "gold"]
    counts["gold"] = tables["gold"].read().count() if there else 0
    gold = _gold(tables["gold"], rules) if there else []
    return Found(
        pipeline,
        topic,
        datetime.now(UTC),
        settings.load(settings.Lake).uri,
        counts,
        lag(available, steps),
        steps,
        gold,
        rules.PERIOD,
        rules.TOTAL,
        letters,
        runs(steps),
        problems,
    )


def lag(available: dict[int, tuple[int, int]], steps: Iterable[Step]) -> dict[int, tuple[int, int, int]]:
    """By partition the first offset, the end, and the offset that bronze will read next."""
    done: dict[int, int] = {}
    for step in steps:
        done |= {each.partition: each.end for each in (*step.entry.expired, *step.entry.windows)}
    return {each: (first, end, done.get(each, first)) for each, (first, end) in available.items()}


def runs(steps: Iterable[Step]) -> list[Run]:
    """What each run wrote, newest first."""
    by_name: dict[str, list[Step]] = {}
    for step in steps:
        by_name.setdefault(step.entry.run, []).append(step)
    found = [
        Run(
            name,
            min(step.at for step in wrote),
            max(step.at for step in wrote),
            {layer: sum(step.entry.rows for step in wrote if step.layer == layer) for layer in LAYERS},
            sum(step.entry.counts.get("dead", 0) for step in wrote),
        )
        for name, wrote in by_name.items()
    ]
    return sorted(found, key=lambda run: run.ended, reverse=True)


def _steps(layer: str, table: Table) -> list[Step]:
    entries = table.ledger()
    if not entries:
        return []
    history = table.spark.sql(f"DESCRIBE HISTORY delta.`{table.uri}`").where("userMetadata IS NOT NULL")
    commits = history.select(F.unix_millis("timestamp"), "userMetadata").collect()
    times = {json.loads(said).get("id"): at for at, said in commits}
    return [Step(layer, datetime.fromtimestamp(times.get(each.id, 0) / 1000, UTC), each) for each in entries]


def _gold(table: Table, rules: datasets.Dataset) -> list[dict[str, Any]]:
    rows = table.read()
    newest = rows.orderBy(F.col(rules.PERIOD).desc()).limit(ROWS).collect()
    return [{name: _plain(value) for name, value in row.asDict().items()} for row in reversed(newest)]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _letters(topic: str) -> tuple[list[tuple[str, int, str]], list[str]]:
    try:
        return [(each.reason, each.count, each.example) for each in dlq.list(dlq.topic_of(topic))], []
    except JobError as error:
        return [], [f"The dead letters could not be read: {error}"]
