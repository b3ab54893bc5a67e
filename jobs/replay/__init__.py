"""Events sent to a topic: made by a generator, from a file, or from another topic."""

import logging
from dataclasses import dataclass
from pathlib import Path

from jobs import datasets, kafka, settings
from jobs.datasets import events
from jobs.errors import JobError, UsageError
from jobs.job import job
from jobs.replay import sending, tail
from jobs.replay.outbox import Outbox
from jobs.replay.pacing import Pace, schedule
from jobs.replay.sources import Generated, Source, lines

log = logging.getLogger(__name__)
COUNT = 100_000


@dataclass(frozen=True)
class Sent:
    """What one sending did: `count = before + produced` when all is well, and always `produced = acked + failed`.

    Args:
        topic: Where the events went.
        count: How many were to be there.
        before: How many an earlier try had sent.
        produced: How many were handed to the producer.
        acked: How many the brokers have.
        failed: How many they don't, or may not.
        seconds: From the first event to the last answer.
        target_rate: Events a second that were asked for; 0 is as fast as possible.
        rate: Acknowledged events a second.
        late_p50_ms: How late events were handed over, against the schedule: half of them at most so.
        late_p99_ms: The same for 99 of 100.
        late_p999_ms: The same for 999 of 1,000.
        late_max_ms: The same for the latest.
    """

    topic: str
    count: int
    before: int
    produced: int
    acked: int
    failed: int
    seconds: float
    target_rate: float
    rate: float
    late_p50_ms: float
    late_p99_ms: float
    late_p999_ms: float
    late_max_ms: float


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
        file: Send the lines of this file instead.
        key: The field of each line's JSON object that becomes the record's key.
        topic: Where to; by default what KAFKA_TOPIC or TOPIC says, or else the dataset's own topic.
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
        source = lines(Path(file), key, count)
    else:
        source = Generated(events.named(dataset), seed, COUNT if count == -1 else count)
    return _send(source, topic, pace, seed)


def _send(source: Source, topic: str, pace: Pace, seed: int) -> Sent:
    partitions = len(kafka.watermarks(topic))
    done = tail.last(topic, source.number)
    todo = sum(1 for _ in source.records(partitions, done)) if done else source.count
    before = source.count - todo
    if before:
        log.info("%s has %d of %d events already", topic, before, source.count)
    outbox = Outbox(topic, linger=5 if pace.rate else 50)
    ended = sending.send(
        outbox,
        (record for _, record in source.records(partitions, done)),
        todo,
        schedule(pace, seed, source.count, before) if pace.rate else None,
    )
    late = [round(ended.late.percentile(share), 2) for share in (0.5, 0.99, 0.999, 1)]
    rate = round(outbox.acked / ended.seconds, 1) if outbox.acked else 0.0
    result = Sent(
        topic,
        source.count,
        before,
        outbox.produced,
        outbox.acked,
        outbox.failed,
        round(ended.seconds, 3),
        pace.rate,
        rate,
        *late,
    )
    again = "the same command again: it goes on from there"
    if outbox.failed:
        failed = f"{topic}: {outbox.failed} of {outbox.produced} events failed: {outbox.error}"
        raise JobError(failed, hint=again, result=result)
    if ended.told:
        raise JobError(f"told to end: {before + outbox.acked} of {source.count} are there", hint=again, result=result)
    return result
