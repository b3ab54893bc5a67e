"""The pipeline `vehicles` and its producer, as a person runs them."""

import gzip
import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.copies import ROOT, Copy, eventually

KILLS = int(os.environ.get("CHAOS", "2"))


class Topic:
    """A topic of one test with its dead letters, and what is on it."""

    def __init__(self, stack: Copy, partitions: int = 6) -> None:
        self.stack, self.name = stack, f"v-{uuid4().hex[:8]}"
        self.config: dict[str, Any] = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
        keep = {"retention.ms": "-1"}  # some records are old
        names = [NewTopic(self.name, partitions, 1, config=keep), NewTopic(f"{self.name}.dlq", 1, 1)]
        self.admin = AdminClient(self.config)
        for made in self.admin.create_topics(names).values():
            made.result()
        eventually(self._ready)

    def _ready(self) -> bool:
        """A topic has no leaders for a moment after it was made."""
        try:
            return self.held() == 0
        except KafkaException:
            return False

    def words(self, *more: str) -> list[str]:
        return ["replay", "send", f"--topic={self.name}", "--output=json", *more]

    def send(self, *more: str, **environment: str) -> dict[str, Any]:
        done = self.stack.headrace(*self.words(*more), **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *more: str) -> subprocess.Popen[str]:
        return self.start_words(self.words(*more))

    def start_words(self, words: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ROOT / ".venv/bin/headrace", *words],
            cwd=ROOT,
            env={**os.environ, "HEADRACE_STATE": str(self.stack.state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def records(self) -> list[Message]:
        """All that is on the topic and committed, partition by partition."""
        settings = {"group.id": "test", "enable.auto.commit": False, "enable.partition.eof": True}
        reader = Consumer(self.config | settings | {"fetch.queue.backoff.ms": 5})
        found: list[Message] = []
        for partition in reader.list_topics(self.name).topics[self.name].partitions:
            reader.assign([TopicPartition(self.name, partition, OFFSET_BEGINNING)])
            batch: list[Message] = []
            while not batch or not batch[-1].error():  # its end is told as an error
                batch = reader.consume(10_000, 0.1)
                found += [each for each in batch if not each.error()]
        reader.close()
        return found

    def ids(self) -> Counter[str]:
        return Counter(json.loads(record.value() or b"")["event_id"] for record in self.records())

    def held(self) -> int:
        reader = Consumer(self.config | {"group.id": "test"})
        try:
            partitions = reader.list_topics(self.name).topics[self.name].partitions
            return sum(reader.get_watermark_offsets(TopicPartition(self.name, each))[1] for each in partitions)
        finally:
            reader.close()


@pytest.fixture
def topic(stack: Copy) -> Topic:
    return Topic(stack)


def books(stack: Copy, topic: str, **environment: str) -> dict[str, Any]:
    words = ["ledger", "verify", f"--topic={topic}", "--dataset=vehicles", "--output=json"]
    done = stack.headrace(*words, **environment)
    assert done.returncode == 0, done.stderr
    verified = json.loads(done.stdout)
    return {"counts": verified["counts"], "hashes": [*verified["hashes"].values()]}


def test_the_pipeline_run_twice_adds_nothing_and_balances(topic: Topic) -> None:
    words = ["run", "vehicles", f"--param=topic={topic.name}", "--param=count=5000", "--param=seed=3"]
    first = topic.stack.headrace(*words)
    assert first.returncode == 0, first.stderr
    before = books(topic.stack, topic.name)
    second = topic.stack.headrace(*words)
    assert second.returncode == 0, second.stderr

    assert books(topic.stack, topic.name) == before
    assert {"bronze": 5000, "silver": 5000, "dead": 0, "duplicates": 0, "gold": 5}.items() <= before["counts"].items()


def test_gold_has_what_the_events_say_and_what_breaks_a_rule_is_a_dead_letter(topic: Topic, tmp_path: Path) -> None:
    def event(number: int, **other: Any) -> dict[str, Any]:
        return {
            "event_id": f"e{number}",
            "vehicle_id": "v",
            "type": "bus",
            "time": "2026-03-01T12:00:00Z",
            "battery": 50.5,
            "latitude": 10.5,
            "longitude": 1,
            "speed": 3,
        } | other

    events = [
        event(1),
        event(1, battery=99),  # the same event again
        event(2, battery=60, latitude=-3),
        event(3, type="van"),
        event(4, time="2026-03-02T00:00:00Z"),
        event(5, battery=101),
        event(6, latitude=-91),
        event(7, time="yesterday"),
        event(8, type=None),
        event(9, speed=-1),
    ]
    file = tmp_path / "events"
    file.write_text("\n".join(map(json.dumps, events)))
    sent = topic.send(f"--file={file}", "--key=vehicle_id")
    assert (sent["produced"], sent["acked"], sent["failed"]) == (10, 10, 0)
    for words in (
        ["bronze", "load"],
        ["silver", "clean", "--dataset=vehicles"],
        ["gold", "build", "--dataset=vehicles"],
    ):
        done = topic.stack.headrace(*words, f"--topic={topic.name}")
        assert done.returncode == 0, done.stderr

    expected = {"silver": 4, "dead": 5, "duplicates": 1, "gold": 3}
    assert expected.items() <= books(topic.stack, topic.name)["counts"].items()
    letters = json.loads(topic.stack.headrace("dlq", "list", f"--topic={topic.name}.dlq").stdout)
    assert {each["reason"] for each in letters} == {
        "battery out of range",
        "latitude out of range",
        "time is none",
        "no type",
        "speed out of range",
    }
    assert topic.send(f"--file={file}", "--key=vehicle_id")["produced"] == 0


def test_the_same_seed_is_the_same_events_and_they_are_sent_once(topic: Topic) -> None:
    first = topic.send("--count=3000", "--seed=5")
    again = topic.send("--count=3000", "--seed=5")
    more = topic.send("--count=4000", "--seed=5")
    other = topic.send("--count=10", "--seed=6")

    assert [each["produced"] for each in (first, again, more, other)] == [3000, 0, 1000, 10]
    assert again["before"] == 3000
    assert topic.ids() == Counter([f"5-{n:012d}" for n in range(4000)] + [f"6-{n:012d}" for n in range(10)])
    of_one = [each.value() for each in topic.records() if each.key() == b"vehicle-00007"]
    assert of_one == sorted(of_one, key=lambda value: (value or b"")[13:27]), "a vehicle's events are in order"


def test_a_producer_killed_again_and_again_sends_each_event_once(topic: Topic) -> None:
    for number in range(1, KILLS + 1):
        process = topic.start("--count=40000", "--rate=10000")
        eventually(lambda wanted=number * 4000: topic.held() > wanted, seconds=60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = topic.send("--count=40000")

    assert last["before"] + last["produced"] == 40_000
    assert 0 < last["before"] < 40_000
    assert set(topic.ids().values()) == {1}
    assert len(topic.ids()) == 40_000


def test_a_producer_that_is_told_to_end_answers_for_every_event(topic: Topic) -> None:
    process = topic.start("--count=1000000", "--rate=2000")
    eventually(lambda: topic.held() > 1000, seconds=60)
    process.send_signal(signal.SIGTERM)
    out, story = process.communicate(timeout=60)
    sent = json.loads(out)

    assert process.returncode == 1
    assert "told to end" in story
    assert sent["produced"] == sent["acked"] + sent["failed"] == topic.held()
    assert sent["failed"] == 0


def test_the_pace_is_that_of_the_environment_unless_an_option_says_otherwise(topic: Topic) -> None:
    environment = {"MSG_RATE": "2000", "BURST_PROB": "0.1", "BURST_POWER": "1.2"}
    done = topic.stack.headrace("replay", "send", "--count=4000", "--output=json", TOPIC=topic.name, **environment)
    sent = json.loads(done.stdout)
    wild = topic.stack.headrace(*topic.words("--rate=1", "--burst-power=1.05"))

    assert (sent["topic"], sent["target_rate"], sent["acked"]) == (topic.name, 2000, 4000)
    assert sent["rate"] <= 2100
    assert sent["late_p50_ms"] <= sent["late_p99_ms"] <= sent["late_max_ms"]
    assert wild.returncode == 2
    assert "burst-power" in wild.stderr


@pytest.mark.parametrize(
    "wrong", [{"MSG_RATE": "abc"}, {"MSG_RATE": "nan"}, {"BURST_POWER": "1.05"}, {"BURST_PROB": "2"}]
)
def test_a_pace_of_the_environment_that_cannot_be_is_the_callers_mistake(stack: Copy, wrong: dict[str, str]) -> None:
    done = stack.headrace("replay", "send", "--count=1", "--topic=nowhere", **wrong)

    assert done.returncode == 2, done.stderr
    assert next(iter(wrong)) in done.stderr
    assert "Traceback" not in done.stderr


def test_brokers_that_stand_still_hold_the_producer_back_and_lose_nothing(topic: Topic) -> None:
    port = int(topic.stack.env["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2])
    broker = next(
        psutil.Process(each.pid)
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    )
    process = topic.start("--count=500000")
    sender = psutil.Process(process.pid)
    eventually(lambda: topic.held() > 10_000, seconds=60)
    broker.suspend()
    try:
        eventually(lambda: sender.cpu_percent(0.5) < 20, seconds=60)
        assert process.poll() is None
        assert sender.memory_info().rss < 500_000_000
    finally:
        broker.resume()
    out, story = process.communicate(timeout=120)

    assert process.returncode == 0, story
    assert json.loads(out)["acked"] == 500_000 == topic.held()


def test_the_connections_of_a_file_are_sent_with_keys_and_drawn(topic: Topic, tmp_path: Path) -> None:
    file, picture = tmp_path / "KDD.txt.gz", tmp_path / "rate.svg"
    rows = [f"{n},tcp,http{n % 3},SF,181" for n in range(3000)]
    file.write_bytes(gzip.compress("\n".join(rows).encode()))
    words = [f"--file={file}", "--dataset=connections", "--rate=2000", "--burst-prob=0.01", f"--plot={picture}"]
    wrong = topic.stack.headrace(*topic.words(*words, "--key=protocol"))
    sent = topic.send(*words, "--key=service")
    again = topic.send(*words, "--key=service")
    values = {(each.value() or b"").decode(): each.key() for each in topic.records()}

    assert wrong.returncode == 2
    assert "protocol_type" in wrong.stderr
    assert (sent["acked"], again["produced"]) == (3000, 0)
    assert values == {row: f"http{n % 3}".encode() for n, row in enumerate(rows)}
    assert "polyline" in picture.read_text()


def header(record: Message, name: str) -> str:
    value = dict(record.headers() or [])[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def origins(topic: Topic) -> Counter[str]:
    return Counter(header(record, "origin") for record in topic.records())


def copy(source: Topic, target: Topic, *more: str) -> dict[str, Any]:
    done = source.stack.headrace("replay", "topic", source.name, target.name, "--output=json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_range_is_copied_with_times_and_headers_once_however_often(topic: Topic, stack: Copy) -> None:
    target, producer = Topic(stack, 4), Producer(topic.config)
    for number in range(3000):
        headers: list[tuple[str, str | bytes | None]] = [("mine", b"%d" % number), ("origin", b"older")]
        producer.produce(
            topic.name, b"%d" % number, b"k", number % 6, timestamp=1_700_000_000_000 + number, headers=headers
        )
    producer.produce(topic.name, None, b"k", 0, timestamp=1_700_000_009_000)  # a tombstone stays one
    assert producer.flush(30) == 0

    first = copy(topic, target, "--offsets=0:100-501,1:0-,5:10-11")
    again = copy(topic, target, "--offsets=0:100-501,1:0-,5:10-11")
    timed = copy(topic, target, "--start=2023-11-14T22:13:22.500Z", "--end=2023-11-14T22:13:22.600Z")

    assert (first["offsets"], first["acked"]) == (401 + 500 + 1, 401 + 500 + 1)
    assert (again["before"], again["produced"]) == (902, 0)
    assert timed["acked"] == 100
    kept = {header(each, "origin"): each for each in target.records()}
    record = kept[f"{topic.name}/5/10"]
    assert (record.value(), record.key(), record.timestamp()[1]) == (b"65", b"k", 1_700_000_000_065)
    assert header(record, "mine") == "65"
    assert kept[f"{topic.name}/0/500"].value() is None
    gone = topic.stack.headrace("replay", "topic", topic.name, topic.name)
    assert gone.returncode == 2


def test_a_copy_killed_again_and_again_has_each_record_once(topic: Topic, stack: Copy) -> None:
    target = Topic(stack, 4)
    topic.send("--count=20000")
    words = ["replay", "topic", topic.name, target.name, "--output=json"]
    producer = Producer(topic.config)
    producer.produce(topic.name, b"last", b"k", 0)
    assert producer.flush(30) == 0
    for number in range(1, KILLS + 1):
        process = topic.start_words(words)
        eventually(lambda wanted=number * 3000: target.held() > wanted, seconds=60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = copy(topic, target)

    assert last["before"] + last["produced"] == 20_001
    found = origins(target)
    assert len(found) == 20_001
    assert set(found.values()) == {1}


def test_a_copy_keeps_the_pace_at_which_records_came(topic: Topic, stack: Copy) -> None:
    target, producer = Topic(stack), Producer(topic.config)
    for number in range(200):
        producer.produce(topic.name, b"%d" % number, partition=number % 6, timestamp=1_700_000_000_000 + number * 100)
    assert producer.flush(30) == 0

    copied = copy(topic, target, "--speed=10")

    assert copied["acked"] == 200
    assert 1.98 <= copied["seconds"] <= 10
    assert [each.value() for each in target.records() if each.partition() == 2] == [b"%d" % n for n in range(2, 200, 6)]
