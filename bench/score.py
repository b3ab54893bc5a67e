"""How fast `forest score` is, how soon it tells, and how much memory it takes; a JSON line each.

First a full topic of COUNT connections is scored as fast as it goes, against the goal of 20,000 a second on two idle
cores; the first ten seconds of that are Java's compiler. Then, once for each of SCORE_TRIGGERS, connections come at
5,000 a second in bursts of up to ten seconds' worth: `late` is from the producer's timestamp until a reader of
committed alerts has one, in ms. With SCORE_MINUTES the last of them goes on for so long, and the line says how much
memory Python and its JVM took in the second quarter of it and in the last. Run it on a stack: `make bench`, or `python
-m bench.score`; the newest model scores, or one of generated connections.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psutil
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bench import line
from jobs import log, settings
from jobs.replay.pacing import Lateness

COUNT = int(os.environ.get("COUNT", "2000000"))
TRIGGERS = os.environ.get("SCORE_TRIGGERS", "0.5s,1s,2s,5s").split(",")
MINUTES = float(os.environ.get("SCORE_MINUTES", "0"))
SECONDS = int(os.environ.get("SCORE_SECONDS", "60"))
RATE = 5_000
BURSTS = ("--burst-prob=0.0002", "--burst-power=1.1")
GOAL = 20_000
HEADRACE = str(Path(sys.executable).with_name("headrace"))
MODEL = ("forest", "train", "--generated=20000")


@contextmanager
def topics(config: dict[str, Any]) -> Generator[str, None, None]:
    """A topic with those of its alerts and dead letters; its name."""
    name = f"bench-{uuid4().hex[:8]}"
    sizes = {name: 6, f"{name}-alerts": 6, f"{name}.dlq": 1}
    client = AdminClient(config)
    for made in client.create_topics([NewTopic(each, size, 1) for each, size in sizes.items()]).values():
        made.result()
    try:
        yield name
    finally:
        for gone in client.delete_topics([*sizes]).values():
            gone.result()


def headrace(*words: str) -> dict[str, Any]:
    """Run a job to its end; its result."""
    done = subprocess.run([HEADRACE, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def score(topic: str, *options: str) -> "subprocess.Popen[str]":
    """Begin to score a topic, and wait until it reads."""
    words = [HEADRACE, "forest", "score", "--topic", topic, "--alerts", f"{topic}-alerts", *options]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for said in process.stderr or ():
        if "scored by model" in said:
            Thread(target=lambda: [*(process.stderr or ())], daemon=True).start()
            return process
    sys.exit(f"forest score of {topic} did not begin")


def ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The result of a scoring."""
    printed = process.communicate()[0]
    if process.returncode:
        sys.exit(f"forest score: status {process.returncode}")
    return json.loads(printed)


def memory(process: "subprocess.Popen[str]", stop: Event) -> list[float]:
    """What it and its JVM hold, in MiB, every five seconds."""
    found: list[float] = []
    while not stop.wait(5):
        with suppress(psutil.NoSuchProcess):  # one of them ended while it was asked
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            found.append(sum(each.memory_info().rss for each in family) / 2**20)
    return found


def throughput(config: dict[str, Any]) -> None:
    """A full topic, as fast as it goes."""
    with topics(config) as topic:
        headrace("replay", "send", "--dataset=connections", f"--topic={topic}", f"--count={COUNT}")
        result = ended(score(topic, "--idle=3"))
        if result["scored"] != COUNT:
            sys.exit(f"{result['scored']} of {COUNT} were scored")
        line.write("score/goal", result["rate"], GOAL, "records/s")


def heard(config: dict[str, Any], topic: str, stop: Event) -> Lateness:
    """How late a reader of alerts hears of connections of seed 1, from the producer's timestamp on."""
    late = Lateness()
    reader = Consumer({**config, "group.id": topic, "isolation.level": "read_committed", "fetch.wait.max.ms": 10})
    reader.assign([TopicPartition(f"{topic}-alerts", each, 0) for each in range(6)])
    while not stop.is_set():
        records = reader.consume(500, 0.05)
        now = time.time()
        mine = (each for each in records if (each.key() or b"").startswith(b"1-"))
        late.add(((json.loads(each.value() or b"")["produced"] / 1000, 1) for each in mine), now)
    reader.close()
    return late


def latency(config: dict[str, Any], trigger: str, seconds: int) -> list[float]:
    """Connections in bursts: how late alerts are by one trigger, and the memory meanwhile."""
    send, stop = ("replay", "send", "--dataset=connections"), Event()
    with topics(config) as topic, ThreadPoolExecutor() as pool:
        process = score(topic, f"--trigger={trigger}")
        headrace(*send, f"--topic={topic}", "--seed=9", "--rate=2000", "--count=40000")  # until Java has compiled it
        late, held = pool.submit(heard, config, topic, stop), pool.submit(memory, process, stop)
        pace = (f"--rate={RATE}", *BURSTS, f"--count={RATE * seconds}", "--seed=1")
        sent = headrace(*send, f"--topic={topic}", *pace)
        time.sleep(10)
        stop.set()
        process.send_signal(signal.SIGTERM)
        result = ended(process)
    shown = {f"late_{name}_ms": late.result().percentile(share) for name, share in (("p50", 0.5), ("p99", 0.99))}
    counts = {"sent": sent["acked"], "alerts": late.result().steps.total(), "batches": result["batches"]}
    said = {"name": f"score/latency/{trigger}", **counts, **shown, "load": round(line.load(), 2)}
    sys.stdout.write(json.dumps(said) + "\n")
    return held.result()


def main() -> None:
    """Measure it all."""
    log.configure()
    settings.load_dotenv_file()
    line.refuse_if_busy()
    config = {"bootstrap.servers": settings.load(settings.Kafka).bootstrap_servers}
    if not Path(settings.load(settings.Lake).uri, "models/connections").exists():
        headrace(*MODEL)
    throughput(config)
    for trigger in TRIGGERS:
        latency(config, trigger, SECONDS)
    if MINUTES:
        held = latency(config, TRIGGERS[-1], int(MINUTES * 60))
        quarter = len(held) // 4
        early, late = mean(held[quarter : 2 * quarter]), mean(held[-quarter:])
        said = {"name": "score/memory", "minutes": MINUTES, "early": round(early), "late": round(late), "unit": "MiB"}
        sys.stdout.write(json.dumps(said | {"looks": len(held), "growth": round(late / early - 1, 3)}) + "\n")


if __name__ == "__main__":
    main()
