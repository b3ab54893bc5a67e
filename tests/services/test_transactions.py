"""Transactions, counted by a group of consumers as a person starts them."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from jobs.datasets.events import transactions
from tests.services.copies import ROOT, Copy, eventually, free_port
from tests.test_stream import REFUSED, TAKEN

COUNT = int(os.environ.get("TRANSACTIONS", "20000"))
Sums = dict[tuple[str, str], tuple[int, Decimal, int]]


class Till:
    """A topic of one test, those who count it, and what they counted."""

    def __init__(self, stack: Copy) -> None:
        self.stack, self.name = stack, f"t-{uuid4().hex[:8]}"
        self.config: dict[str, Any] = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
        self.admin = AdminClient(self.config)
        compact, small = {"cleanup.policy": "compact"}, {"max.message.bytes": "20000"}
        wanted = [NewTopic(self.name, 6), NewTopic(self.dlq, 1, config=small)]
        wanted.append(NewTopic(f"{self.name}.totals", 3, config=compact))
        for made in self.admin.create_topics(wanted, operation_timeout=30).values():
            made.result()
        self.started: list[subprocess.Popen[str]] = []

    @property
    def dlq(self) -> str:
        return f"{self.name}.dlq"

    def run(self, *words: str) -> Any:
        done = self.stack.headrace(*words, "--output=json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def send(self, *more: str) -> dict[str, Any]:
        return self.run("replay", "send", "--dataset=transactions", f"--topic={self.name}", *more)

    def consume(self, *more: str) -> dict[str, Any]:
        return self.run("stream", "consume", f"--topic={self.name}", "--port=0", "--idle=1", *more)

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [ROOT / ".venv/bin/headrace", *words, f"--topic={self.name}", "--output=json"],
            cwd=ROOT,
            env={**os.environ, "HEADRACE_STATE": str(self.stack.state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def sums(self) -> Sums:
        return {
            (each["merchant"], each["currency"]): (each["count"], Decimal(each["montant"]), each["duplicates"])
            for each in self.run("stream", "totals", self.name)
        }

    def dead(self) -> dict[str, int]:
        return {each["reason"]: each["count"] for each in self.run("dlq", "list", f"--topic={self.dlq}")}

    def books(self) -> dict[str, int]:
        return self.run("ledger", "verify", f"--topic={self.name}", "--dataset=transactions")["counts"]

    def gold(self) -> dict[tuple[str, str], tuple[int, Decimal]]:
        """Gold's sums over all days."""
        with self.stack.spark() as spark:
            rows = spark.read.format("delta").load(f"{self.stack.env['LAKE_URI']}/gold/{self.name}").collect()
        sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
        for row in rows:
            count, montant = sums.get((row.merchant, row.currency), (0, Decimal()))
            sums[row.merchant, row.currency] = (count + row.total, montant + row.montant)
        return sums

    def committed(self) -> int:
        group = ConsumerGroupTopicPartitions(f"headrace-stream-{self.name}")
        (future,) = self.admin.list_consumer_group_offsets([group]).values()
        return sum(max(0, each.offset) for each in future.result().topic_partitions or [])


def expected(count: int) -> Sums:
    sums: Sums = {}
    for _, value in transactions.events(1, range(count)):
        event = json.loads(value, parse_float=Decimal)
        name = (event["merchant"], event["currency"])
        before = sums.get(name, (0, Decimal(), 0))
        sums[name] = (before[0] + 1, before[1] + event["montant"], 0)
    return sums


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def till(stack: Copy) -> Iterator[Till]:
    till = Till(stack)
    yield till
    for each in till.started:
        each.kill()
        each.communicate()


def test_three_count_each_transaction_once_though_one_is_killed(till: Till) -> None:
    ports = [free_port() for _ in range(3)]
    three = [till.start("stream", "consume", f"--port={port}") for port in ports]
    eventually(lambda: all(map(ready, ports)), seconds=90)
    port = free_port()
    words = ("replay", "send", "--dataset=transactions", f"--count={COUNT}", f"--rate={COUNT / 8}", f"--port={port}")
    sender = till.start(*words)
    eventually(lambda: ready(port), seconds=60)
    sending = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    eventually(lambda: till.committed() > COUNT / 4, seconds=90)
    three[1].send_signal(signal.SIGKILL)
    eventually(lambda: till.committed() >= COUNT, seconds=180)
    said = httpx.get(f"http://127.0.0.1:{ports[0]}/metrics").text
    health = httpx.get(f"http://127.0.0.1:{ports[0]}/healthz").status_code
    for each in (three[0], three[2]):
        each.send_signal(signal.SIGTERM)
    results = [each.communicate(timeout=60) for each in (three[0], three[2])]

    assert sender.wait(60) == 0
    assert [each.returncode for each in (three[0], three[2])] == [0, 0], results
    assert till.sums() == expected(COUNT)
    assert health == 200
    assert f'headrace_replay_records_total{{outcome="acked",topic="{till.name}"}}' in sending
    assert f'headrace_stream_messages_total{{outcome="counted",topic="{till.name}"}}' in said
    assert "headrace_stream_latency_seconds_bucket" in said
    counts = [json.loads(out) for out, _ in results]
    assert all(each["records"] == each["counted"] + each["duplicates"] + each["dead"] for each in counts)


def test_duplicates_are_counted_apart_also_after_a_restart_and_what_is_none_is_a_dead_letter(
    till: Till, tmp_path: Path
) -> None:
    def line(number: int, **other: Any) -> str:
        event = {"id": f"txn-{number:03}", "montant": 142.50, "currency": "EUR", "account": "a", "merchant": "m"}
        return json.dumps(event | {"timestamp": "2026-03-01T12:00:30Z"} | other)

    first, later = tmp_path / "first", tmp_path / "later"
    first.write_text("\n".join([line(1), line(2), line(1), "nonsense", line(3, montant=1.005), line(4, merchant="n")]))
    later.write_text("\n".join([line(2), line(5, montant=0.01), line(6, timestamp="2026-03-02T00:00:00Z")]))
    till.send(f"--file={first}", "--key=account")
    told = till.stack.headrace("stream", "consume", "--lines", "--port=0", "--idle=1", KAFKA_TOPIC=till.name)
    till.send(f"--file={later}", "--key=account")
    after = till.consume()

    assert '"id": "txn-001", "montant": 142.5' in told.stderr
    assert till.dead() == {"not JSON of the schema": 1, "montant has fractions of a cent": 1}
    assert (after["records"], after["counted"], after["duplicates"], after["dead"]) == (3, 2, 1, 0)
    assert till.sums() == {("m", "EUR"): (4, Decimal("427.51"), 2), ("n", "EUR"): (1, Decimal("142.50"), 0)}
    day = till.run("stream", "totals", till.name, "--minute=2026-03-02")
    assert [(each["count"], each["minutes"]) for each in day] == [(1, 1)]
    assert till.consume()["records"] == 0


def test_gold_is_what_was_counted_and_a_backfill_changes_nothing(till: Till, tmp_path: Path) -> None:
    taken = [json.dumps(json.loads(value) | {"id": f"taken-{n}"}).encode() for n, (value, _, _) in enumerate(TAKEN)]
    producer = Producer(till.config)
    for value in [*taken, taken[0], *(value for value, _ in REFUSED)]:
        producer.produce(till.name, value, b"a")
    assert producer.flush(30) == 0
    till.send("--count=500")

    ran = till.stack.headrace("run", "transactions", f"--param=topic={till.name}")
    assert ran.returncode == 0, ran.stderr
    counted = till.consume()
    again = {"HEADRACE_BACKFILLS": str(tmp_path)}
    words = ["transactions", f"--topic={till.name}", "--name=again", "--reason=a test", "--from=1h", "--window=1d"]
    planned = till.stack.headrace("backfill", *words, **again)
    assert planned.returncode == 0, planned.stderr
    redone = till.stack.headrace("backfill", "run", "again", **again)
    assert redone.returncode == 0, redone.stderr

    assert till.dead() == Counter(reason for _, reason in REFUSED)
    good = len(TAKEN) + 500
    assert (counted["counted"], counted["duplicates"], counted["dead"]) == (good, 1, len(REFUSED))
    assert {"silver": good, "dead": len(REFUSED), "duplicates": 1}.items() <= till.books().items()
    assert till.gold() == {name: (count, montant) for name, (count, montant, _) in till.sums().items()}
    (window,) = yaml.safe_load((tmp_path / "again.yaml").read_text())["windows"]
    records = good + 1 + len(REFUSED)
    assert {"bronze had": records, "silver redone": records, "silver rows": good}.items() <= window["counts"].items()
