"""Replicas move under load and lose nothing; whoever moves them may be killed at any moment, and so may the controller.

`CHAOS=10 .venv/bin/python -m pytest tests/services/test_moves.py` kills ten times instead of three.
"""

import os
import random
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from tests.services.brokers import Brokers
from tests.services.copies import Copy, run
from tests.services.topics import answer, start

ROUNDS = int(os.environ.get("CHAOS", "3"))
RATE = "replication.throttled"


@pytest.fixture
def three(brokers: Brokers) -> Copy:
    return brokers.copy


@pytest.fixture
def servers(three: Copy) -> str:
    return three.env["KAFKA_BOOTSTRAP_SERVERS"]


def write(path: Path, name: str, factor: int, *, topics: int = 1, partitions: int = 2, extra: str = "") -> Path:
    shape = f"partitions: {partitions}, replication_factor: {factor}, configs: {{min.insync.replicas: 1{extra}}}"
    items = [f"  - {{name: {name}-{n}, {shape}}}" for n in range(topics)]
    path.write_text("\n".join(["topics:", *items, ""]))
    return path


class Load:
    """Numbers, produced without a pause until the end of the block; what was acknowledged is remembered."""

    def __init__(self, servers: str, topics: list[str], size: int = 100) -> None:
        self.servers, self.topics, self.size = servers, topics, size
        self.acked: set[tuple[str, int]] = set()
        self.failed, self.stop = 0, threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def _run(self) -> None:
        producer = Producer({"bootstrap.servers": self.servers, "enable.idempotence": True, "linger.ms": 5})
        number = 0
        while not self.stop.is_set():
            for topic in self.topics:
                producer.produce(topic, str(number).ljust(self.size), on_delivery=self._done(topic, number))
            number += 1
            producer.poll(0.002)
        producer.flush()

    def _done(self, topic: str, number: int) -> Any:
        def delivered(error: object, _: object) -> None:
            if error:
                self.failed += 1
            else:
                self.acked.add((topic, number))

        return delivered

    def read(self) -> list[tuple[str, int]]:
        """All that is on the topics now."""
        reader = Consumer({"bootstrap.servers": self.servers, "group.id": "x", "enable.partition.eof": True})
        there = reader.list_topics(timeout=10).topics
        todo = {(topic, number) for topic in self.topics for number in there[topic].partitions}
        reader.assign([TopicPartition(topic, number, 0) for topic, number in todo])
        found: list[tuple[str, int]] = []
        until = time.monotonic() + 60
        while todo and time.monotonic() < until:
            for record in reader.consume(1000, 0.2):
                if record.error():
                    todo.discard((str(record.topic()), record.partition() or 0))
                else:
                    found.append((str(record.topic()), int(record.value() or b"")))
        reader.close()
        assert not todo
        return found


def marks(servers: str, topics: list[str]) -> list[str]:
    """What a move left set on brokers and topics."""
    client = AdminClient({"bootstrap.servers": servers})
    asked = [ConfigResource(ResourceType.BROKER, str(n)) for n in (1, 2, 3)]
    asked += [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    return [
        f"{resource.name}: {entry.name}={entry.value}"
        for each in asked
        for resource, future in client.describe_configs([each]).items()
        for entry in future.result().values()
        if RATE in entry.name and entry.value and "Long.MAX" not in entry.value and entry.value != str(2**63 - 1)
    ]


def partitions(servers: str, topics: list[str]) -> list[tuple[int, list[int], list[int]]]:
    """Leader, replicas and replicas in sync of each partition."""
    found = AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).topics
    return [(p.leader, p.replicas, sorted(p.isrs)) for name in topics for p in found[name].partitions.values()]


def test_replicas_move_under_load_and_nothing_is_lost(three: Copy, servers: str, tmp_path: Path) -> None:
    name = f"load-{uuid4().hex[:6]}"
    topics = [f"{name}-{n}" for n in range(20)]
    file = write(tmp_path / "topics.yaml", name, 1, topics=20)
    answer(three.headrace("topics", "apply", str(file)))
    write(file, name, 3, topics=20)
    planned = answer(three.headrace("topics", "plan", str(file)))
    assert planned["change"] == 20
    assert "MB between brokers" in planned["changes"][0]["notes"][0]
    with Load(servers, topics) as load:
        time.sleep(1)  # so that there is something to copy
        moved = three.headrace("topics", "apply", str(file))
        assert moved.returncode == 0, moved.stderr
    read = load.read()
    assert load.failed == 0
    assert load.acked == set(read)
    assert len(read) == len(set(read)), "nothing twice"
    assert len(read) > 1000
    for leader, replicas, in_sync in partitions(servers, topics):
        assert (sorted(replicas), in_sync, leader) == ([1, 2, 3], [1, 2, 3], replicas[0])
    assert marks(servers, topics) == []
    assert answer(three.headrace("topics", "plan", str(file)))["changes"] == []

    write(file, name, 1, topics=20)
    answer(three.headrace("topics", "apply", str(file)))
    assert {len(replicas) for _, replicas, _ in partitions(servers, topics)} == {1}
    assert load.acked == set(load.read()), "also with fewer replicas"


def test_a_move_is_slow_killed_and_taken_up(three: Copy, servers: str, tmp_path: Path) -> None:
    name = f"slow-{uuid4().hex[:6]}"
    file = write(tmp_path / "topics.yaml", name, 1)
    answer(three.headrace("topics", "apply", str(file)))
    producer = Producer({"bootstrap.servers": servers})
    for _ in range(12_000):
        producer.produce(f"{name}-0", os.urandom(1000))
        producer.poll(0)
    producer.flush()
    write(file, name, 3)
    killed = start(three, file, "--throttle=400000")
    assert killed.stderr
    assert any("replication_factor of topic" in line for line in killed.stderr), killed.wait()
    until = time.monotonic() + 20
    while not marks(servers, [f"{name}-0"]):
        assert time.monotonic() < until
    time.sleep(1)
    killed.kill()
    killed.communicate()
    pending = three.headrace("topics", "plan", str(file), "--fail-on-changes")
    changes = answer(pending, 3)["changes"]
    assert [each["name"] for each in changes[0]["settings"]] == ["replication_factor"]
    assert "on their way already" in changes[0]["notes"][0]
    again, seen = start(three, file, "--throttle=1500000"), set[str]()
    while again.poll() is None:
        seen |= set(marks(servers, []))
    _, story = again.communicate()
    assert again.returncode == 0, story
    assert {f"{n}: follower.{RATE}.rate=1500000" for n in (1, 2, 3)} <= seen, "the second rate is in force"
    assert "2 partitions are under way already" in story
    assert marks(servers, [f"{name}-0"]) == []
    assert all(len(in_sync) == 3 for *_, in_sync in partitions(servers, [f"{name}-0"]))


def test_killed_at_random_moments_it_converges(three: Copy, tmp_path: Path) -> None:
    name, file = f"kill-{uuid4().hex[:6]}", tmp_path / "topics.yaml"
    for round_ in range(ROUNDS):
        extra = f", retention.ms: {60000 + round_}"
        write(file, name, 1 + 2 * (round_ % 2), topics=30, partitions=2 + round_, extra=extra)
        killed = start(three, file)
        time.sleep(random.uniform(0.4, 2.5))  # noqa: S311 - the moment is the point
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        done = three.headrace("topics", "apply", str(file))
        assert done.returncode == 0, done.stderr
        after = answer(three.headrace("topics", "apply", str(file)))
        assert (after["changes"], after["applied"]) == ([], False)


def test_the_active_controller_is_killed_meanwhile(three: Copy, brokers: Brokers, tmp_path: Path) -> None:
    name = f"ctrl-{uuid4().hex[:6]}"
    file = write(tmp_path / "topics.yaml", name, 3, topics=40)
    leader = f"controller-{active_controller(three) - 100}"
    applying = start(three, file)
    assert applying.stderr
    applying.stderr.readline()
    brokers.kill(leader)
    try:
        _, story = applying.communicate(timeout=120)
        if applying.returncode:  # it said so, and the next one goes on from there
            assert applying.returncode == 1, story
            assert "Traceback" not in story
            done = three.headrace("topics", "apply", str(file))
            assert done.returncode == 0, done.stderr
        assert answer(three.headrace("topics", "apply", str(file)))["changes"] == []
    finally:
        brokers.start(leader)


def test_two_at_once_take_turns(three: Copy, tmp_path: Path) -> None:
    name = f"both-{uuid4().hex[:6]}"
    file = write(tmp_path / "topics.yaml", name, 3, topics=40)
    both = [start(three, file) for _ in range(2)]
    stories = [each.communicate(timeout=120)[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], stories
    assert answer(three.headrace("topics", "plan", str(file)))["changes"] == []


def active_controller(three: Copy) -> int:
    script = "from jobs.kafka.wire import wire\nwith wire() as c: print(c.describe_metadata_quorum())"
    found = run(".venv/bin/python", "-c", script, **three.env).stdout
    leader = re.search(r"'leader_id': (\d+)", found)
    assert leader, found
    return int(leader[1])
