"""`replay send` against kafka-producer-perf-test and kcat: how exact a rate is, and how many events a second at most.

In each round each sends as many events of the same size to a topic of its own, one after the other, with acks=all and
idempotence. The goals are ours: a rate within 0.1 % of the target, and 99 of 100 events late by 2 ms at most. kcat has
no rate, so it is only in the second comparison; where it is not installed (Debian: kcat) it is left out. Run it on a
stack: `make bench`, or `python -m bench.replay`; REPLAY_BENCH=rounds,seconds,rate.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import mean, median
from typing import Any
from uuid import uuid4

from confluent_kafka.admin import AdminClient, NewTopic

from bench import line
from bench.topics import java_tool
from jobs import log, settings
from jobs.datasets.events import connections

HEADRACE = [str(Path(sys.executable).parent / "headrace"), "replay", "send", "--dataset=connections", "--output=json"]
PARTITIONS, TOP, GOAL_LATE, GOAL_RATE = 6, 1_000_000, 2.0, 0.001
SETTINGS = {"acks": "all", "enable.idempotence": "true", "linger.ms": "50"}


def main() -> None:
    """Measure, and write a line a peer."""
    log.configure()
    settings.load_dotenv_file()
    line.refuse_if_busy()
    rounds, seconds, rate = map(int, os.environ.get("REPLAY_BENCH", "3,20,100000").split(","))
    sample = [value for _, value in connections.events(1, range(20_000))]
    size = round(mean(map(len, sample)))
    paced: list[dict[str, Any]] = []
    found: dict[str, list[float]] = {}
    with tempfile.NamedTemporaryFile() as file:
        file.writelines(value + b"\n" for value in islice(cycle(sample), TOP))
        file.flush()
        for _ in range(rounds):
            paced.append(ours(rate * seconds, rate))
            note(found, "perf, rate", perf(rate * seconds, rate, size))
            note(found, "ours, top", ours(TOP, 0)["rate"])
            note(found, "perf, top", perf(TOP, -1, size))
            if shutil.which("kcat"):
                note(found, "kcat, top", kcat(file.name))
    achieved = median(each["rate"] for each in paced)
    late = median(each["late_p99_ms"] for each in paced)
    say(f"{rate} events/s asked for", f"{achieved:.0f}/s", abs(achieved / rate - 1) <= GOAL_RATE)
    say("late, 99 of 100", f"{late:.1f} ms", late <= GOAL_LATE)
    if "kcat, top" not in found:
        sys.stdout.write("kcat is not installed (apt-get install kcat): it is left out\n")
    line.write("replay-rate/kafka-producer-perf-test", achieved, median(found["perf, rate"]), "events/s", limit=rate)
    for peer in ("perf", "kcat"):
        if values := found.get(f"{peer}, top"):
            name = {"perf": "kafka-producer-perf-test", "kcat": "kcat"}[peer]
            line.write(f"replay-top/{name}", median(found["ours, top"]), median(values), "events/s")


def ours(count: int, rate: int) -> dict[str, Any]:
    """What `replay send` says of one sending."""
    with Topic() as topic:
        words = [*HEADRACE, f"--count={count}", f"--rate={rate}", f"--topic={topic}"]
        sent = json.loads(run(words))
    if sent["acked"] != count:
        sys.exit(f"{count - sent['acked']} events were not acknowledged")
    return sent


def perf(count: int, rate: int, size: int) -> float:
    """Events a second that Kafka's own tool reaches."""
    with Topic() as topic:
        words = ["--topic", topic, "--num-records", str(count), "--throughput", str(rate), "--record-size", str(size)]
        given = ["--command-property", *(f"{name}={value}" for name, value in SETTINGS.items())]
        said = run(java_tool("org.apache.kafka.tools.ProducerPerformance", *words, *given))
    match = re.findall(rf"^{count} records sent, ([\d.]+) records/sec", said, re.MULTILINE)
    if not match:
        sys.exit(f"kafka-producer-perf-test said nothing of {count} records: {said[-300:]}")
    return float(match[-1])


def kcat(file: str) -> float:
    """Events a second that kcat reaches with a file of as many."""
    servers = settings.load(settings.Kafka).bootstrap_servers
    with Topic() as topic:
        given = [word for name, value in SETTINGS.items() for word in ("-X", f"{name}={value}")]
        words = ["kcat", "-P", "-b", servers, "-t", topic, *given, "-l", file]
        began = time.perf_counter()
        run(words)
        return TOP / (time.perf_counter() - began)


class Topic:
    """A topic of one sending: a new one each time, so that no log is longer than another."""

    def __init__(self) -> None:
        self.name = f"bench-{uuid4().hex[:8]}"
        self.admin = AdminClient({"bootstrap.servers": settings.load(settings.Kafka).bootstrap_servers})

    def __enter__(self) -> str:
        self.admin.create_topics([NewTopic(self.name, PARTITIONS)], operation_timeout=30)[self.name].result()
        return self.name

    def __exit__(self, *_: object) -> None:
        self.admin.delete_topics([self.name], operation_timeout=30)[self.name].result()


def run(words: list[str]) -> str:
    """What a command prints; the end of this one if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{words[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def note(found: dict[str, list[float]], what: str, value: float) -> None:
    """Keep a figure, and tell whoever waits."""
    found.setdefault(what, []).append(value)
    sys.stderr.write(f"{what:<12} {value:10.0f}/s\n")


def say(what: str, value: str, met: bool) -> None:
    """What a person reads: the figure, and whether the goal is met."""
    sys.stdout.write(f"{what:<28} {value:>12}  goal {'met' if met else 'MISSED'}\n")


if __name__ == "__main__":
    main()
