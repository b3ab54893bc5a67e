"""Events sent to a topic: made by a generator, from a file, or from another topic."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Message

from jobs import datasets, kafka, settings, web, windows
from jobs.datasets import events
from jobs.errors import JobError, UsageError
from jobs.job import job
from jobs.replay import plot as plots
from jobs.replay import sending, tail
from jobs.replay.copying import Copy, read, times
from jobs.replay.outbox import Outbox
from jobs.replay.pacing import Lateness, Pace, schedule
from jobs.replay.sources import Generated, Source, lines
from jobs.windows import Window

log = logging.getLogger(__name__)
COUNT = 100_000
PERCENTILES = {"late_p50_ms": 0.5, "late_p99_ms": 0.99, "late_p999_ms": 0.999, "late_max_ms": 1}
R = TypeVar("R")
Beside = Callable[[Outbox, Lateness], AbstractContextManager[None]]
"""What goes on while a sending does."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How a sending went: always `produced = acked + failed`.

    Args:
        produced: How many records were handed to the producer.
        acked: How many the brokers have.
        failed: How many they don't, or may not.
        seconds: From the first record to the last answer.
        rate: Acknowledged records a second.
        late_p50_ms: How late records were handed over, against the schedule: half of them at most so.
        late_p99_ms: The same for 99 of 100.
        late_p999_ms: The same for 999 of 1,000.
        late_max_ms: The same for the latest.
    """

    produced: int
    acked: int
    failed: int
    seconds: float
    rate: float
    late_p50_ms: float
    late_p99_ms: float
    late_p999_ms: float
    late_max_ms: float


@dataclass(frozen=True, kw_only=True)
class Sent(Figures):
    """What one sending did: `count = before + produced` when all is well.

    Args:
        topic: Where the events went.
        count: How many were to be there.
        before: How many an earlier try had sent.
        target_rate: Events a second that were asked for; 0 is as fast as possible.
    """

    topic: str
    count: int
    before: int
    target_rate: float


@job("jobs", cpu="500m", memory="512Mi", retries=3, minutes=120, needs=("kafka",))
def send(
    dataset: datasets.Name = "vehicles",
    *,
    count: int = -1,
    seed: int = 1,
    rate: float = -1,
    burst_prob: float = -1,
    burst_power: float = -1,
    file: str = "",
    key: str = "",
    topic: str = "",
    plot: str = "",
    host: str = "127.0.0.1",
    port: int = -1,
    exposed: bool = False,
) -> Sent:
    """Send events to a topic at a steady or a bursting rate; those that are there already are not sent again.

    The same seed is the same events at the same times. An event's id says the seed and its number, a line's header
    the file's hash and the line, so the end of each partition says where to go on: after a kill, or when there is
    nothing left to do. Two at once send events twice, which silver drops by their id.

    Args:
        dataset: Whose generator makes the events.
        count: How many events in all; -1 is 100,000, or all lines of the file.
        seed: Which events: a whole number from 0 on.
        rate: Events a second, on an absolute schedule; 0 is as fast as possible, -1 what MSG_RATE says, or else 0.
        burst_prob: How likely each event begins a burst, 0 to 1; -1 is what BURST_PROB says, or else 0.
        burst_power: Pareto's exponent of a burst's size, 1.1 or more: smaller is larger; -1 is what BURST_POWER says,
            or else 1.5. The mean stays the rate.
        file: Send the lines of this file instead, compressed by gzip if it ends in .gz.
        key: The field of each line that becomes the record's key; lines of connections have commas between fields,
            those of others are JSON objects.
        topic: Where to; by default what KAFKA_TOPIC or TOPIC says, or else the dataset's own topic.
        plot: Draw the rate that was asked for and the one that was acknowledged into this file, as SVG.
        host: The address to listen on; 0.0.0.0 in a pod, with `exposed`.
        port: Where to answer while sending: /healthz, /readyz, and /metrics for Prometheus; 0 is a free port, -1 is
            nowhere.
        exposed: Listen where others than this machine reach it, though it asks nobody who they are.
    """
    said = settings.load(settings.Replay)
    pace = Pace(
        said.rate if rate == -1 else rate,
        said.burst_prob if burst_prob == -1 else burst_prob,
        said.burst_power if burst_power == -1 else burst_power,
    )
    if seed < 0 or count < -1:
        raise UsageError("--seed and --count are whole numbers from 0 on", hint="headrace replay send --help")
    topic = topic or said.topic or events.named(dataset).TOPIC
    source: Source
    if file:
        source = lines(Path(file), key, count, dataset)
    else:
        source = Generated(events.named(dataset), seed, COUNT if count == -1 else count)
    beside = partial(_beside, host=host, port=port, exposed=exposed)
    return _send(source, topic, pace, seed, plot=plots.checked(plot), beside=beside)


def _send(source: Source, topic: str, pace: Pace, seed: int, *, plot: Path | None, beside: Beside) -> Sent:
    partitions = len(kafka.watermarks(topic))
    done = _done(source, topic, partitions)
    todo = left(source, partitions, done)
    before = source.count - todo
    if before:
        log.info("%s has %d of %d events already", topic, before, source.count)
    outbox = Outbox(topic, linger=5 if pace.rate else 50)
    ended = sending.Ended()
    with beside(outbox, ended.late):
        sending.send(
            outbox,
            (record for _, record in source.records(partitions, done)),
            todo,
            schedule(pace, seed, source.count, before) if pace.rate else None,
            ended,
        )
    if plot:
        wanted = schedule(pace, seed, source.count, before) if pace.rate else None
        plot.write_text(plots.drawn(topic, ended.seen, wanted))
    return _judged(
        outbox,
        ended,
        Sent(topic=topic, count=source.count, before=before, target_rate=pace.rate, **_figures(outbox, ended)),
    )


def left(source: Source, partitions: int, done: Mapping[int, int]) -> int:
    """How many events are still to be sent: all after the last that is there, and of those before it what lacks."""
    last = max(done.values(), default=-1)
    lacks = takewhile(lambda each: each[0] <= last, source.records(partitions, done)) if done else ()
    return max(0, source.count - last - 1) + sum(1 for _ in lacks)


def _beside(outbox: Outbox, late: Lateness, *, host: str, port: int, exposed: bool) -> AbstractContextManager[None]:
    """Answers about the sending, if anybody is to ask."""
    if port < 0:
        return nullcontext()
    from jobs import probes  # noqa: PLC0415 - Starlette takes 0.2 s
    from jobs.replay.serving import Watch  # noqa: PLC0415

    app = probes.app(Watch(outbox, late))
    return web.beside(app, host, port, what=f"metrics of {outbox.topic}", exposed=exposed)


def _done(source: Source, topic: str, partitions: int) -> dict[int, int]:
    """The number of the last event of each partition."""

    def mark(record: Message) -> tail.Mark | None:
        number = source.number(record)
        return None if number is None else (record.partition() or 0, number)

    return tail.last(topic, mark, {each: {each} for each in range(partitions)})


def _range(source: str, offsets: str, start: str, end: str) -> list[Window]:
    available = kafka.watermarks(source)
    wanted = windows.within(source, available, start=start, end=end, offsets=offsets)
    if gone := windows.expired(wanted, available) if offsets else {}:
        said = ", ".join(f"{count} of partition {each}" for each, count in gone.items())
        raise JobError(
            f"{source} no longer holds all of these offsets: {said} expired",
            hint=f"headrace replay topic --offsets={windows.written(windows.clip(wanted, available))}",
        )
    return windows.clip(wanted, available)


@dataclass(frozen=True, kw_only=True)
class Copied(Figures):
    """What one replay of a topic did: always `produced = acked + failed`.

    Args:
        source: Where the records are from.
        target: Where they went.
        offsets: How many offsets the range has; holes (compaction, transaction marks) count too.
        before: How many of them an earlier try had dealt with.
        speed: How much faster than they came; 0 is as fast as possible.
    """

    source: str
    target: str
    offsets: int
    before: int
    speed: float


@job("jobs", cpu="500m", memory="512Mi", retries=3, minutes=120, needs=("kafka",))
def topic(source: str, target: str, *, offsets: str = "", start: str = "", end: str = "", speed: float = 0) -> Copied:
    """Copy a range of one topic to another, with keys, headers and times, as fast as it came or faster.

    Each copy has the headers `origin` (topic/partition/offset: the key by which readers drop what they have), `replay`
    (the source's id and where the range begins) and `origin-time`. A repeated or interrupted run finds its own copies
    at the end of the target and goes on after them. A target with `message.timestamp.type=LogAppendTime` gets times of
    its broker; then the header has the original one.

    Args:
        source: Where the records are.
        target: Where they go; with as many partitions, each keeps its own.
        offsets: Partition, first offset and end (exclusive), as 0:10-20,1:5-; all of the topic when empty.
        start: Only records from this moment on, such as 2026-01-01T10:00 (UTC), or 6h for so long ago.
        end: Only records before this moment.
        speed: 1 is as fast as they came, 2 is twice as fast; 0 is as fast as possible.
    """
    if source == target or speed < 0:
        raise UsageError("a topic is copied to another one, at a speed from 0 on", hint="headrace replay topic --help")
    todo = _range(source, offsets, start, end)
    partitions = len(kafka.watermarks(target))
    copy = Copy(kafka.topic_id(source), todo)
    rest = copy.rest(tail.last(target, copy.mark, copy.lanes(partitions)))
    total, left = (sum(each.offsets for each in these) for these in (todo, rest))
    if left < total:
        log.info("%s has copies of %d of %d offsets already", target, total - left, total)
    outbox = Outbox(target, linger=5 if speed else 50)
    with ExitStack() as readers:
        records, slots = read(rest, readers, by_time=speed > 0), None
        if speed:
            records, slots = times(records, speed)
        ended = sending.send(outbox, (copy.record(each, partitions) for each in records), left, slots)
    figures = _figures(outbox, ended)
    return _judged(
        outbox,
        ended,
        Copied(source=source, target=target, offsets=total, before=total - left, speed=speed, **figures),
    )


def _figures(outbox: Outbox, ended: sending.Ended) -> dict[str, Any]:
    late = {name: round(ended.late.percentile(share), 2) for name, share in PERCENTILES.items()}
    rate = round(outbox.acked / ended.seconds, 1) if outbox.acked else 0.0
    counts = {"produced": outbox.produced, "acked": outbox.acked, "failed": outbox.failed}
    return counts | {"seconds": round(ended.seconds, 3), "rate": rate} | late


def _judged(outbox: Outbox, ended: sending.Ended, result: R) -> R:
    """The result.

    Raises:
        JobError: Records failed, or it was told to end before all were sent.
    """
    again = "the same command again: it goes on from there"
    if outbox.failed:
        failed = f"{outbox.topic}: {outbox.failed} of {outbox.produced} records failed: {outbox.error}"
        raise JobError(failed, hint=again, result=result)
    if ended.told:
        raise JobError(f"{outbox.topic}: told to end after {outbox.acked} records", hint=again, result=result)
    return result
