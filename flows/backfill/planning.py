"""The plan of a backfill: which windows, how many records and bytes, and how long it will take."""

import getpass
import re
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Literal

from hera.workflows import WorkflowTemplate

from flows.backfill import gate
from flows.backfill.record import LAYERS, Backfill, Batch, Table
from jobs import kafka, times, windows
from jobs.errors import JobError, UsageError
from jobs.kafka.wire import wire
from jobs.topics import throttle
from jobs.windows import Bounds, Window

MOST = 10_000  # windows of one backfill
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")


@dataclass(frozen=True)
class Asked:
    """What a backfill is asked to do: the options of the command, and the form in Prefect's UI."""

    dataset: str
    reason: str
    start: str = ""
    end: str = ""
    offsets: str = ""
    topic: str = ""
    table: Table = "all"
    window: str = "100000"
    name: str = ""
    rate: int = 0
    concurrency: int = 1
    max_lag: str = "60s"
    max_failed: int = 3
    on_expired: Literal["fail", "clip"] = "fail"
    on: Literal["local", "argo"] = "local"

    @property
    def range(self) -> str:
        """The range in words."""
        return self.offsets or f"from {self.start or 'the beginning'} to {self.end or 'now'}"


@dataclass(frozen=True)
class Past:
    """What the tables say of themselves.

    Args:
        accounted: What bronze has taken, or can never take.
        taken: What it has taken.
        firsts: The first offset that bronze holds at or after the start and the end of the range, by partition.
        speeds: Records a second, by table, where it has been measured.
    """

    accounted: list[Window] = field(default_factory=list[Window])
    taken: list[Window] = field(default_factory=list[Window])
    firsts: tuple[dict[int, int], dict[int, int]] = ({}, {})
    speeds: dict[str, float] = field(default_factory=dict[str, float])


def plan(asked: Asked) -> Backfill:
    """What would be done; nothing is written.

    Raises:
        UsageError: It asks for what cannot be meant, or gives no reason.
        JobError: Records of the range have expired and were never loaded, or there is nothing to do.
    """
    now = datetime.now(UTC)
    name = asked.name or f"{asked.dataset}-{now:%Y%m%d-%H%M%S}"
    _check(asked, name)
    topic = asked.topic or default_topic(asked.dataset)
    available, topic_id = kafka.watermarks(topic), kafka.topic_id(topic)
    past = look(topic, asked)
    wanted = _wanted(topic, asked, available, past)
    if asked.table in ("all", "bronze"):
        lacking = windows.without(wanted, past.accounted)
        gone = windows.of_expired(lacking, available, at_most=not asked.offsets)
        if gone and asked.on_expired == "fail":
            said = f"{topic}: {', '.join(gone)} expired and were never loaded"
            raise JobError(said, hint="the same command with --on-expired=clip")
        usable = windows.without(wanted, windows.missing(lacking, available))
    else:
        gone, usable = [], windows.without(wanted, windows.without(wanted, past.taken))
    batches = _batches(topic, asked, usable)
    if not batches:
        raise JobError(f"there is nothing of {topic} {asked.range}", hint=f"headrace windows list --topic={topic}")
    record = Backfill(
        name=name,
        reason=asked.reason,
        by=f"{getpass.getuser()}@{socket.gethostname()}",
        made=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        dataset=asked.dataset,
        topic=topic,
        topic_id=topic_id,
        table=asked.table,
        range=asked.range,
        expired=gone,
        bytes=_bytes(usable, available),
        rate=asked.rate,
        concurrency=asked.concurrency,
        max_lag=asked.max_lag,
        max_failed=asked.max_failed,
        on=asked.on,
        windows=[
            Batch(name=f"{number:03}", offsets=windows.written(each), records=sum(one.offsets for one in each))
            for number, each in enumerate(batches, 1)
        ],
        end=Batch(name="end", offsets="", records=0) if asked.table == "all" else None,
    )
    return record.model_copy(update={"estimate": estimate(record, past.speeds)})


def estimate(record: Backfill, speeds: dict[str, float]) -> float:
    """How many seconds it will take by the speed of the past, and the rate; 0 if the past says nothing."""
    layers = LAYERS[record.table]
    if not all(speeds.get(layer) for layer in layers):
        return 0.0
    work = sum(record.records / speeds[layer] for layer in layers)
    return round(max(work, record.records / record.rate if record.rate else 0), 1)


def default_topic(dataset: str) -> str:
    """The topic of the dataset's own workflow.

    Raises:
        UsageError: There is no such workflow, or it has no topic.
    """
    try:
        workflow: WorkflowTemplate = import_module(f"workflows.{dataset}").workflow
    except (ModuleNotFoundError, AttributeError) as error:
        raise UsageError(f"there is no pipeline {dataset}: say which topic it is, with --topic") from error
    values: dict[str, Any] = {each.name: each.value for each in workflow.build().spec.arguments.parameters}  # type: ignore[union-attr]
    if not values.get("topic"):
        raise UsageError(f"the pipeline {dataset} has no parameter topic: give --topic")
    return str(values["topic"])


def look(topic: str, asked: Asked) -> Past:
    """What the tables of a topic say."""
    from pyspark.sql import functions as F  # noqa: N812, PLC0415 - Spark, which a run of a record does without

    from jobs import bronze  # noqa: PLC0415
    from jobs.lake import Table  # noqa: PLC0415
    from jobs.spark import session  # noqa: PLC0415

    spark = session("backfill")
    tables = {layer: Table(spark, f"{layer}/{topic}") for layer in ("bronze", "silver", "gold")}
    ledgers = {layer: table.ledger() for layer, table in tables.items()}
    firsts: tuple[dict[int, int], dict[int, int]] = ({}, {})
    if ledgers["bronze"] and not asked.offsets:
        moments = [times.moment(asked.start or "1970-01-01"), times.moment(asked.end or "0s")]
        early = [F.min(F.when(F.col("timestamp") >= F.lit(each), F.col("offset"))) for each in moments]
        rows = tables["bronze"].read().groupBy("partition").agg(*early).collect()
        firsts = (
            {row[0]: row[1] for row in rows if row[1] is not None},
            {r[0]: r[2] for r in rows if r[2] is not None},
        )
    taken = [window for entry in ledgers["bronze"] for window in entry.windows]
    speeds = {layer: speed(entries[-20:]) for layer, entries in ledgers.items()}
    return Past(bronze.accounted(ledgers["bronze"]), taken, firsts, speeds)


def speed(entries: list[Any]) -> float:
    """Records a second of these entries of a ledger; 0 where they do not say."""
    timed = [each for each in entries if getattr(each, "begun", None) and each.ended]
    spent = sum((each.ended - each.begun).total_seconds() for each in timed)
    done = sum(sum(one.offsets for one in each.windows) or each.counts.get("records", 0) or each.rows for each in timed)
    return done / spent if spent > 0 else 0.0


def _wanted(topic: str, asked: Asked, available: Bounds, past: Past) -> list[Window]:
    """The range as windows; where the topic has forgotten its beginning, bronze may know it."""
    if asked.offsets:
        return windows.within(topic, available, offsets=asked.offsets)
    found = windows.within(topic, available, start=asked.start, end=asked.end)
    first, end = past.firsts
    return [
        each
        if each.first or each.partition not in first or not available[each.partition][0]
        else Window(topic, each.partition, first[each.partition], max(each.end, end.get(each.partition, each.end)))
        for each in found
    ]


def _batches(topic: str, asked: Asked, usable: list[Window]) -> list[list[Window]]:
    if asked.window.isdecimal():
        size = int(asked.window)
        if not size or sum(each.offsets for each in usable) / size > MOST:
            raise UsageError(f"--window {asked.window} makes more than {MOST:,} windows")
        return windows.cut(usable, size) if usable else []
    length = times.seconds(asked.window)
    if not length or not asked.start:
        raise UsageError("--window is a number of records, or with --from a time such as 1h")
    start, end = times.moment(asked.start), times.moment(asked.end or "0s")
    count = int((end - start).total_seconds() // length)
    if count > MOST:
        raise UsageError(f"--window {asked.window} makes {count:,} windows, more than {MOST:,}")
    borders = [start + timedelta(seconds=length * (nth + 1)) for nth in range(count)]
    at = [kafka.offsets_at(topic, each) for each in borders if each < end]
    return windows.cut_at(usable, at)


def _bytes(usable: list[Window], available: Bounds) -> int:
    """About how many bytes of the topic the windows are; what it no longer holds is not counted."""
    topic = usable[0].topic if usable else ""
    with wire() as wired:
        sizes = throttle.sizes(wired, [topic])
    held = {number: max((size for at, size in sizes.items() if at[1] == number), default=0) for number in available}
    share = 0.0
    for each in windows.clip(usable, available):
        first, end = available[each.partition]
        share += held[each.partition] * each.offsets / (end - first)
    return round(share)


def _check(asked: Asked, name: str) -> None:
    if not asked.reason.strip():
        raise UsageError("a backfill says why: give --reason")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name: small letters, digits, dots and dashes")
    if asked.concurrency < 1 or asked.rate < 0 or asked.max_failed < 1:
        raise UsageError("--concurrency and --max-failed are at least 1, --rate at least 0")
    if not (asked.start or asked.end or asked.offsets):
        raise UsageError("a backfill has a range: give --from and --to, or --offsets")
    gate.behind([], asked.max_lag, "")
