"""forest score: as offline, once whatever is killed, by one at a time, and through the loss of a broker."""

import csv
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pyarrow.dataset
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from jobs.datasets.events import connections
from jobs.dlq import letter
from stack import jars
from tests.services.brokers import Brokers
from tests.services.copies import ROOT, Copy, eventually

WITHIN = 300  # seconds
BAD = {
    b"tcp,http,SF": "not 41 to 43 fields",
    b"\xff\xfe": "not UTF-8",
    ",".join(["x"] * 42).encode(): "not the fields of NSL-KDD",
    b"": "not 41 to 43 fields",
    None: "no value",
}


class Scene:
    """A topic of connections with those of its alerts and dead letters, and what scores it."""

    def __init__(self, copy: Copy, lake: Path, version: int, replicas: int = 1) -> None:
        self.name = f"c-{uuid4().hex[:8]}"
        self.alerts, self.copy, self.lake, self.version = f"{self.name}-alerts", copy, lake, version
        self.config: dict[str, Any] = {"bootstrap.servers": copy.env["KAFKA_BOOTSTRAP_SERVERS"]}
        self.topics = {self.name: 6, self.alerts: 6, f"{self.name}.dlq": 1}
        self.admin = AdminClient(self.config)  # ends its requests when nobody holds it
        made = self.admin.create_topics([NewTopic(*each, replicas) for each in self.topics.items()])
        for each in made.values():
            each.result()

    def produce(self, values: Iterator[bytes | None]) -> None:
        producer = Producer({**self.config, "acks": "all"})
        for number, value in enumerate(values):
            producer.produce(self.name, value, str(number))
        assert producer.flush(60) == 0

    def records(self, topic: str) -> list[Any]:
        """What a reader of committed records sees."""
        consumer = Consumer(
            {**self.config, "group.id": "judge", "isolation.level": "read_committed", "enable.partition.eof": True}
        )
        left, found = self.topics[topic], list[Any]()
        consumer.assign([TopicPartition(topic, each, 0) for each in range(left)])
        while left:
            for each in consumer.consume(500, 1):
                left -= each.error() is not None
                found += [] if each.error() else [each]
        consumer.close()
        return found

    def rows(self) -> list[dict[str, Any]]:
        """What the table holds, by the files that its log names."""
        table = self.lake / "scored" / self.name
        lines = (line for file in table.glob("_delta_log/*.json") for line in file.read_text().splitlines())
        added = list[str]()
        for said in sorted(map(json.loads, lines), key=lambda each: "add" not in each):
            if "add" in said:
                added.append(said["add"]["path"])
            elif "remove" in said:
                added.remove(said["remove"]["path"])
        return pyarrow.dataset.dataset([str(table / each) for each in added]).to_table().to_pylist() if added else []

    def commits(self) -> int:
        return len([*(self.lake / "scored" / self.name).glob("_delta_log/*.json")])

    def held(self) -> int:
        """How many records the topic of alerts has, also those that nobody may see."""
        consumer = Consumer({**self.config, "group.id": "judge"})
        try:
            return sum(consumer.get_watermark_offsets(TopicPartition(self.alerts, each), 10)[1] for each in range(6))
        finally:
            consumer.close()


class Scorer:
    """One forest score of a scene; it can be killed with all it started."""

    def __init__(self, scene: Scene, *options: str) -> None:
        words = ("--topic", scene.name, "--alerts", scene.alerts, "--version", str(scene.version), *options)
        environment = {
            "HEADRACE_STATE": str(scene.copy.state),
            "LAKE_URI": str(scene.lake),
            "SPARK_REMOTE": "",
            "SPARK_JARS": str(jars.home() / "spark"),
        }
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [ROOT / ".venv/bin/headrace", "forest", "score", *words],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.reader = Thread(target=lambda: self.said.extend(self.process.stderr or []), daemon=True)
        self.reader.start()

    def when(self, reached: Callable[[], bool]) -> None:
        """Wait until the point is reached, while it runs."""
        until = time.monotonic() + WITHIN
        while not reached():
            assert time.monotonic() < until, "".join(self.said)
            assert self.process.poll() is None, "".join(self.said)
            time.sleep(0.01)

    def kill_when(self, reached: Callable[[], bool]) -> None:
        """SIGKILL as soon as the point is reached."""
        self.when(reached)
        self.end()

    def end(self) -> None:
        """SIGKILL it and all it started, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.ended()

    def ended(self) -> tuple[int, str]:
        """Its status and what it printed, once it has ended."""
        self.reader.join(WITHIN)
        printed = self.process.communicate(timeout=WITHIN)[0]
        return self.process.returncode, printed

    def result(self) -> dict[str, Any]:
        """Its result, once it has ended well."""
        status, printed = self.ended()
        assert status == 0, "".join(self.said)
        return json.loads(printed)


@pytest.fixture
def score() -> Iterator[Callable[..., Scorer]]:
    """Begins to score a scene; what still runs after the test is killed."""
    begun: list[Scorer] = []

    def begin(scene: Scene, *options: str) -> Scorer:
        begun.append(Scorer(scene, *options))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


@pytest.fixture(scope="module")
def version(stack: Copy) -> int:
    """A small model in the lake of the stack."""
    told = {"SPARK_REMOTE": "", "SPARK_JARS": str(jars.home() / "spark")}
    done = stack.headrace("forest", "train", "--generated=3000", "--trees=5", "--depth=6", **told)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["version"]


@pytest.fixture
def lake(stack: Copy) -> Path:
    return Path(stack.env["LAKE_URI"])


def made(seed: int, first: int, end: int) -> list[bytes]:
    return [value for _, value in connections.events(seed, range(first, end))]


def judged(scene: Scene, good: int) -> list[dict[str, Any]]:
    """The rows of the table, once each, and an alert for each attack, once."""
    rows = scene.rows()
    places = Counter((each["partition"], each["offset"]) for each in rows)
    assert (len(rows), len(places)) == (good, good)
    attacks = {f"{scene.name}/{each['partition']}/{each['offset']}" for each in rows if each["said"] != "normal"}
    alerts = Counter(json.loads(each.value())["id"] for each in scene.records(scene.alerts))
    assert alerts == Counter(attacks)
    return rows


@pytest.mark.timeout(900)
def test_killed_and_two_at_once_it_says_of_each_record_what_it_says_offline_and_once(
    stack: Copy, lake: Path, version: int, score: Callable[..., Scorer], tmp_path: Path
) -> None:
    scene = Scene(stack, lake, version)
    values = made(3, 0, 3_000)
    scene.produce(iter([*values[:1_500], *BAD, *values[1_500:]]))
    options = ("--max-offsets=400", "--trigger=0.1s")

    score(scene, *options).kill_when(lambda: scene.commits() >= 3)  # written, not told
    first = score(scene, *options)
    before = scene.held()
    first.kill_when(lambda: scene.commits() >= 4 and scene.held() > before)  # telling
    second = score(scene, *options)
    second.when(lambda: scene.commits() >= 8)
    compacted = json.loads(stack.headrace("tables", "compact", scene.name).stdout)
    third = score(scene, "--idle=4")
    eventually(lambda: any("scored by model" in each for each in third.said), seconds=WITHIN)
    scene.produce(iter(made(4, 0, 200)))
    result = third.result()

    assert second.ended()[0] == 1
    assert any(f"another forest score of {scene.name} took over" in each for each in second.said), second.said
    assert any("written but not told" in each for each in first.said), first.said
    assert [each["table"] for each in compacted if each["removed"] > each["added"] > 0] == [f"scored/{scene.name}"]
    assert result["scored"] <= 3_200
    rows = judged(scene, 3_200)
    letters = [
        letter.decode(each.key(), each.value(), each.headers() or [], 0) for each in scene.records(f"{scene.name}.dlq")
    ]
    found = Counter((each.value, each.reason) for each in letters if isinstance(each, letter.DeadLetter))
    assert (found, len(letters)) == (Counter(BAD.items()), len(BAD))

    held = {(each.partition(), each.offset()): each.value() for each in scene.records(scene.name)}
    rows.sort(key=lambda each: (each["partition"], each["offset"]))
    file, labels = tmp_path / "connections.txt", tmp_path / "labels.csv"
    file.write_bytes(b"\n".join(held[each["partition"], each["offset"]] for each in rows) + b"\n")
    told = {"SPARK_REMOTE": "", "SPARK_JARS": str(jars.home() / "spark")}
    offline = stack.headrace(
        "forest", "evaluate", f"--data={file}", f"--labels={labels}", f"--version={version}", **told
    )
    assert offline.returncode == 0, offline.stderr
    with labels.open() as read:
        assert [each["said"] for each in csv.DictReader(read)] == [each["said"] for each in rows]


@pytest.mark.timeout(900)
def test_a_broker_that_is_killed_costs_nothing_and_sigterm_ends_it_in_order(
    brokers: Brokers, lake: Path, version: int, score: Callable[..., Scorer]
) -> None:
    scene = Scene(brokers.copy, lake, version, replicas=3)
    scorer = score(scene, "--trigger=0.5s")
    sent = 0
    try:
        scene.produce(iter(made(5, 0, 1_000)))
        scorer.when(lambda: scene.commits() >= 1)
        for part in range(1, 6):
            scene.produce(iter(made(5, part * 1_000, part * 1_000 + 1_000)))
            if part == 2:
                brokers.kill("kafka-2")
        sent = 6_000
        scorer.when(lambda: len(scene.rows()) >= sent)
        scorer.process.send_signal(signal.SIGTERM)
        result = scorer.result()
    finally:
        if brokers.nodes["kafka-2"].poll() is not None:
            brokers.start("kafka-2")
        brokers.wait()
    judged(scene, sent)
    assert result["scored"] == sent
    assert [*result["drift"][0]] == ["feature", "psi", "verdict"]
    for gone in scene.admin.delete_topics([*scene.topics]).values():
        gone.result()
