"""Records over HTTP, written and read in batches of 100, against what Strimzi's Kafka Bridge reaches.

What was written is compared with what was read first: every record once, by the sum of its numbers. Strimzi's bridge
can't be had here; its figures (FACTS.md: 5.3k records/s written, 55k read, on another machine) stand in its place, so
the ratio says whether the goal of 5,000 and 50,000 is met, and no more. `limit` is what a client of Kafka itself
reaches in the same run with batches that it waits for likewise. Run it on a stack: `make bench`, or
`BRIDGE_BENCH=rounds,records python -m bench.bridge`.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench import line
from jobs import log, settings

ROUNDS, COUNT = (int(each) for each in os.environ.get("BRIDGE_BENCH", "3,30000").split(","))
BATCH, CLIENTS = 100, 4
STRIMZI = {"produce": 5_300, "fetch": 55_000}
GOAL = {"produce": 5_000, "fetch": 50_000}
JSON = "application/vnd.kafka.json.v2+json"
PAD = "x" * 80


class Http:
    """One connection to the bridge."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = JSON) -> bytes:
        """One request; its answer."""
        self.connection.request(method, path, body, {"Content-Type": kind, "Accept": JSON})
        said = self.connection.getresponse()
        text = said.read()
        if said.status >= 300:
            sys.exit(f"{method} {path}: {said.status} {text[:300]!r}")
        return text


@contextmanager
def bridge() -> Generator[int]:
    """A bridge on a free port, whose answers hold one batch."""
    headrace = str(Path(sys.executable).parent / "headrace")
    with tempfile.NamedTemporaryFile("r+") as said:
        words = [headrace, "bridge", "serve", "--port=0", f"--max-records={BATCH}"]
        process = subprocess.Popen(words, stderr=said)
        try:
            until = time.monotonic() + 60
            while not (found := re.search(r"http://127.0.0.1:(\d+)", Path(said.name).read_text())):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"the bridge does not start: {Path(said.name).read_text()[-2000:]}")
                time.sleep(0.05)
            yield int(found[1])
        finally:
            process.terminate()
            process.wait(40)


def bodies() -> list[bytes]:
    """All records, as the bodies of requests."""
    return [
        json.dumps({"records": [{"value": {"n": n, "pad": PAD}} for n in range(first, first + BATCH)]}).encode()
        for first in range(0, COUNT, BATCH)
    ]


def produce(port: int, topic: str, batches: list[bytes]) -> float:
    """Write everything with a few clients that wait for each answer; records/s."""

    def one(mine: list[bytes]) -> int:
        own = Http(port)
        return sum(own.ask("POST", f"/topics/{topic}", each).count(b'"offset":') for each in mine)

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        written = sum(clients.map(one, (batches[number::CLIENTS] for number in range(CLIENTS))))
    seconds = time.perf_counter() - began
    if written != COUNT:
        sys.exit(f"{written} of {COUNT} records were written")
    return COUNT / seconds


def fetch(port: int, topic: str) -> float:
    """Read everything with one consumer; records/s, from the first records on."""
    own, group = Http(port), f"bench-{uuid4().hex[:8]}"
    base, plain = f"/consumers/{group}/instances/c", "application/vnd.kafka.v2+json"
    wanted = {"name": "c", "format": "json", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    own.ask("POST", f"/consumers/{group}", json.dumps(wanted).encode(), plain)
    places = {"partitions": [{"topic": topic, "partition": 0}]}
    own.ask("POST", f"{base}/assignments", json.dumps(places).encode(), plain)
    texts = [own.ask("GET", f"{base}/records?timeout=10000")]
    first = count = texts[0].count(b'"offset":')
    began = time.perf_counter()
    while count < COUNT:
        texts.append(own.ask("GET", f"{base}/records?timeout=10000"))
        count += texts[-1].count(b'"offset":')
    seconds = time.perf_counter() - began
    own.ask("DELETE", base)
    if sum(each["value"]["n"] for text in texts for each in json.loads(text)) != COUNT * (COUNT - 1) // 2:
        sys.exit("what was read is not what was written")
    return (COUNT - first) / seconds


def plain_produce(topic: str, config: dict[str, Any]) -> float:
    """The same with Kafka's own client, which waits for each batch as a client of the bridge does."""
    client = Producer({**config, "linger.ms": 5, "enable.idempotence": True, "acks": "all"})
    began = time.perf_counter()
    for first in range(0, COUNT, BATCH):
        for n in range(first, first + BATCH):
            client.produce(topic, json.dumps({"n": n, "pad": PAD}))
        client.flush()
    return COUNT / (time.perf_counter() - began)


def plain_fetch(topic: str, config: dict[str, Any]) -> float:
    """The same with Kafka's own client, in lists of 100."""
    group: dict[str, Any] = {
        "group.id": f"bench-{uuid4().hex[:8]}",
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 5,
    }
    client = Consumer({**group, **config})
    client.subscribe([topic])
    first = count = len(client.consume(1, 30))
    began = time.perf_counter()
    while count < COUNT:
        count += len(client.consume(BATCH, 0.1))
    seconds = time.perf_counter() - began
    client.close()
    return (COUNT - first) / seconds


def measure() -> dict[str, dict[str, list[float]]]:
    """ROUNDS rounds, each on a topic of its own."""
    config: dict[str, Any] = dict(settings.load(settings.Kafka).librdkafka())
    admin = AdminClient(config)
    found: dict[str, dict[str, list[float]]] = {way: {"ours": [], "limit": []} for way in GOAL}
    batches = bodies()
    with bridge() as port:
        for _ in range(ROUNDS):
            topic = f"bench-{uuid4().hex[:8]}"
            both = [topic, f"{topic}-plain"]
            for each in admin.create_topics([NewTopic(name, 1, 1) for name in both]).values():
                each.result()
            try:
                steps: list[tuple[str, str, Callable[[], float]]] = [
                    ("produce", "ours", lambda topic=topic: produce(port, topic, batches)),
                    ("produce", "limit", lambda topic=topic: plain_produce(f"{topic}-plain", config)),
                    ("fetch", "ours", lambda topic=topic: fetch(port, topic)),
                    ("fetch", "limit", lambda topic=topic: plain_fetch(topic, config)),
                ]
                for way, whose, step in steps:
                    found[way][whose].append(step())
            finally:
                for each in admin.delete_topics(both).values():
                    each.result()
    return found


def report(found: dict[str, dict[str, list[float]]]) -> None:
    """A line for people and one for machines, each way."""
    for way, rates in found.items():
        ours, limit = median(rates["ours"]), median(rates["limit"])
        met = "met" if ours >= GOAL[way] else "MISSED"
        sys.stdout.write(
            f"{way:<8} {ours:>9,.0f} records/s  goal {GOAL[way]:,} {met}; Kafka's own client {limit:,.0f}\n"
        )
        line.write(f"bridge-{way}/strimzi", ours, STRIMZI[way], "records/s", limit=round(limit, 1))


def main() -> None:
    """Measure."""
    log.configure()
    settings.load_dotenv_file()
    line.refuse_if_busy()
    report(measure())


if __name__ == "__main__":
    main()
