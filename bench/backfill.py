"""What a backfill does to a live consumer of the same topic: its lag with one, against its lag without.

A producer sends events at a steady rate; a consumer of a group of its own reads them and commits once a second. Its
lag (the topic's end less what is committed, over all partitions) is looked at ten times a second, in turn without and
with a throttled backfill of older records of that topic. The goal is a 99th percentile of at most 1.5 times that
without. Before figures count, every window must be done and the consumer must have seen each live event once. Run it
on a stack: `python -m bench.backfill`; `BACKFILL_BENCH=1,20` is one round of 20 s each, on whatever machine.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from statistics import quantiles
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bench import line
from jobs import log, settings
from jobs.datasets.events import vehicles

ROUNDS, SECONDS = (int(each) for each in os.environ.get("BACKFILL_BENCH", "3,60").split(","))
HISTORY, WINDOW, PARTITIONS = 200_000, 10_000, 6
LIVE, RATE = 500, 2_000  # events a second that are live, records a second of the backfill
GOAL = 1.5
HEADRACE = [sys.executable, "-c", "from jobs.cli import main; main()"]


class Live:
    """A producer and a consumer of one topic, each in a thread, and how far the consumer is behind."""

    def __init__(self, topic: str, config: dict[str, Any]) -> None:
        self.topic, self.config = topic, config
        self.ended = threading.Event()
        self.sent = self.seen = 0
        self.committed: dict[int, int] = {}

    @contextmanager
    def going(self) -> Generator[None, None, None]:
        """Both run while inside; afterwards the consumer has read all that was sent."""
        threads = [threading.Thread(target=each) for each in (self.produce, self.consume)]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self.ended.set()
            for each in threads:
                each.join()

    def produce(self) -> None:
        """Events by an absolute schedule."""
        producer, begun = Producer({**self.config, "linger.ms": "5"}), time.monotonic()
        for key, value in vehicles.events(2, range(1_000_000_000)):
            if self.ended.is_set():
                break
            producer.produce(self.topic, value, key, partition=self.sent % PARTITIONS)
            producer.poll(0)
            self.sent += 1
            time.sleep(max(0.0, begun + self.sent / LIVE - time.monotonic()))
        producer.flush()

    def consume(self) -> None:
        """Read on from the end that the topic has now, commit once a second."""
        reader = Consumer({**self.config, "group.id": f"{self.topic}-live", "enable.auto.commit": False})
        places = [TopicPartition(self.topic, each, HISTORY // PARTITIONS + 1) for each in range(PARTITIONS)]
        for each in places:
            each.offset = reader.get_watermark_offsets(each)[1]
            self.committed[each.partition] = each.offset
        reader.commit(offsets=places, asynchronous=False)
        reader.subscribe([self.topic])
        last = time.monotonic()
        while not self.ended.is_set() or self.seen < self.sent:
            self.seen += len(reader.consume(500, 0.1))
            if time.monotonic() - last >= 1:
                last = time.monotonic()
                for each in reader.position(places):
                    if each.offset >= 0:
                        self.committed[each.partition] = each.offset
                reader.commit(offsets=reader.position(places), asynchronous=True)
        reader.close()

    def lags(self, ended: Callable[[], bool]) -> list[int]:
        """The lag, ten times a second, until told that it is over."""
        looker = Consumer({**self.config, "group.id": f"{self.topic}-look"})
        found: list[int] = []
        while not ended():
            time.sleep(0.1)
            ends = [looker.get_watermark_offsets(TopicPartition(self.topic, each))[1] for each in self.committed]
            found.append(sum(ends) - sum(self.committed.values()))
        looker.close()
        return found


def fill(config: dict[str, Any]) -> str:
    """Make a topic with HISTORY events and return its name."""
    name = f"backfill-{uuid4().hex[:8]}"
    client = AdminClient(config)
    for made in client.create_topics([NewTopic(name, PARTITIONS, 1), NewTopic(f"{name}.dlq", 1, 1)]).values():
        made.result()
    producer = Producer({**config, "linger.ms": "20"})
    for number, (key, value) in enumerate(vehicles.events(1, range(HISTORY))):
        producer.produce(name, value, key, partition=number % PARTITIONS)
        producer.poll(0)
    producer.flush()
    return name


def headrace(*words: str) -> str:
    """Run a command line of headrace."""
    done = subprocess.run([*HEADRACE, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"headrace {' '.join(words)}: {done.stderr}")
    return done.stdout


def main() -> None:
    """ROUNDS rounds of SECONDS without a backfill, and of a backfill for as long or until it is done."""
    log.configure()
    settings.load_dotenv_file()
    if "BACKFILL_BENCH" not in os.environ:
        line.refuse_if_busy()
    os.environ["HEADRACE_BACKFILLS"] = tempfile.mkdtemp()
    config: dict[str, Any] = {"bootstrap.servers": settings.load(settings.Kafka).bootstrap_servers}
    topic = fill(config)
    live = Live(topic, config)
    without: list[int] = []
    during: list[int] = []
    part = HISTORY // PARTITIONS // ROUNDS
    with live.going():
        time.sleep(3)
        for number in range(ROUNDS):
            until = time.monotonic() + SECONDS
            without += live.lags(lambda until=until: time.monotonic() > until)
            first = number * part
            offsets = ",".join(f"{each}:{first}-{first + part}" for each in range(PARTITIONS))
            words = ["backfill", "vehicles", f"--topic={topic}", f"--offsets={offsets}", f"--name=round-{number}"]
            headrace(*words, "--reason=a measurement", "--table=bronze", f"--rate={RATE}", f"--window={WINDOW}")
            with subprocess.Popen([*HEADRACE, "backfill", "run", f"round-{number}"], stdout=subprocess.DEVNULL) as run:
                during += live.lags(lambda run=run: run.poll() is not None)
            windows = json.loads(headrace("backfill", "show", f"round-{number}"))["windows"]
            if {each["state"] for each in windows} != {"done"}:
                sys.exit(f"not every window of round-{number} is done")
    if live.seen != live.sent:
        sys.exit(f"the consumer saw {live.seen} of {live.sent} events")
    ours, base = (quantiles(each, n=100)[98] for each in (during, without))
    said = "met" if ours <= GOAL * base else "MISSED"
    sys.stdout.write(f"lag p99 {base:,.0f} records without, {ours:,.0f} with a backfill: goal {GOAL} x {said}\n")
    line.write("backfill/live-lag-p99 (less is better)", ours, base, "records behind")


if __name__ == "__main__":
    main()
