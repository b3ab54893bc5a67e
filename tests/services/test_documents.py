"""A real RabbitMQ drained into the stand-in for MongoDB, as a person does it."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pika
import psutil
import pytest
from pymongo import MongoClient

from stack import documents, storage
from stack.layout import Layout
from tests import scaling
from tests.services.copies import ROOT, Copy, eventually, free_port

MESSAGES = int(os.environ.get("DRAIN_MESSAGES", "4000"))
KILLS = int(os.environ.get("DRAIN_KILLS", "2"))
GUEST = ("guest", "guest")
POISON = 5  # among the messages of the test that kills


@pytest.fixture(scope="module")
def services(stack: Copy) -> Copy:
    """The stack with RabbitMQ and documents."""
    if not documents.server():
        pytest.skip(f"no RabbitMQ here: {documents.INSTALL}")
    began = stack.make("up", WITH="documents")
    assert began.returncode == 0, began.stderr
    return stack


class Queue:
    """A queue of one test with its dead letters, and the collection into which it is drained."""

    def __init__(self, stack: Copy) -> None:
        self.stack, self.name = stack, f"q-{uuid4().hex[:8]}"
        self.client: MongoClient[dict[str, Any]] = MongoClient(stack.env["MONGODB_HOST"])
        self.collection = self.client["headrace"][self.name]

    def words(self, verb: str, *more: str) -> list[str]:
        own = [f"--collection={self.name}"] if verb == "drain" else []
        return ["rabbit", verb, self.name, *own, "--output=json", *more]

    def run(self, verb: str, *more: str) -> dict[str, Any]:
        done = self.stack.headrace(*self.words(verb, *more))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ROOT / ".venv/bin/headrace", *self.words("drain", *more)],
            cwd=ROOT,
            env={**os.environ, "HEADRACE_STATE": str(self.stack.state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def broker(self) -> pika.BlockingConnection:
        host, _, port = self.stack.env["RABBITMQ_HOST"].partition(":")
        return pika.BlockingConnection(pika.ConnectionParameters(host, int(port)))

    def waiting(self, name: str = "") -> int:
        connection = self.broker()
        try:
            return connection.channel().queue_declare(name or self.name, passive=True).method.message_count
        finally:
            connection.close()

    def read(self) -> dict[str, Any]:
        """What KEDA would read."""
        base, nodes = storage.made_for(self.stack.state) or (0, 0)
        return scaling.read(f"http://{Layout(self.stack.state, base, nodes).address('management')}", self.name, GUEST)

    def length(self) -> int:
        return scaling.length(self.read())

    def letters(self) -> list[tuple[str, str, bytes]]:
        """Id, reason and body of each dead letter; they are there no more."""
        connection, found = self.broker(), list[tuple[str, str, bytes]]()
        channel: Any = connection.channel()
        while True:
            method, properties, body = channel.basic_get(f"{self.name}.dlq", auto_ack=True)
            if method is None:
                connection.close()
                return found
            found.append((properties.message_id, properties.headers["reason"], body))

    def held(self) -> int:
        return self.collection.count_documents({})

    def ids(self) -> Counter[str]:
        return Counter(each["event_id"] for each in self.collection.find({}, {"event_id": 1}))


@pytest.fixture
def queue(services: Copy) -> Iterator[Queue]:
    made = Queue(services)
    yield made
    made.client.close()


def bad(tmp_path: Path, count: int) -> str:
    """A file of events that break rules, and of what is none."""
    (tmp_path / "bad").write_text("".join(f"no event {number}\n" for number in range(count)))
    return f"--file={tmp_path / 'bad'}"


def test_a_message_is_a_document_once_and_poison_is_a_letter_with_its_reason(queue: Queue, tmp_path: Path) -> None:
    event = {
        "event_id": "a",
        "vehicle_id": "v",
        "type": "bus",
        "time": "2026-03-01T12:00:00Z",
        "battery": 50.5,
        "latitude": 10.5,
        "longitude": 1,
        "speed": 3,
    }
    lines = [event, {**event, "speed": 9}, {**event, "event_id": "b", "battery": 101}, "no event"]
    (tmp_path / "events").write_text("\n".join(map(json.dumps, lines)))
    assert queue.run("send", f"--file={tmp_path / 'events'}")["sent"] == 4
    assert queue.run("send", "--count=500", "--seed=7")["sent"] == 500

    first = queue.run("drain", "--count=504")
    letters = queue.letters()
    again = [queue.run("send", "--count=500", "--seed=7")["sent"], queue.run("drain", "--idle=1")]

    assert (first["taken"], first["documents"], first["before"], first["dead"]) == (504, 501, 1, 2)
    assert {reason for _, reason, _ in letters} == {"battery out of range", "not JSON of the schema"}
    assert {json.loads(body)["event_id"] for _, why, body in letters if why.startswith("battery")} == {"b"}
    assert again[0] == again[1]["before"] == again[1]["taken"] == 500
    assert queue.ids() == Counter(["a", *(f"7-{number:012d}" for number in range(500))])
    one = queue.collection.find_one({"_id": "a"}) or {}
    assert (one["type"], one["battery"].to_decimal(), one["time"].isoformat()) == (
        "bus",
        pytest.approx(50.5),
        "2026-03-01T12:00:00",
    )
    assert queue.waiting() == queue.waiting(f"{queue.name}.dlq") == 0


def test_a_worker_killed_again_and_again_and_a_broker_killed_once_lose_and_double_nothing(
    queue: Queue, tmp_path: Path
) -> None:
    assert queue.run("send", f"--count={MESSAGES}")["sent"] == MESSAGES
    assert queue.run("send", bad(tmp_path, POISON))["sent"] == POISON
    words = ["--batch=500" if MESSAGES < 50_000 else "--batch=1000"]
    for number in range(1, KILLS + 1):
        worker = queue.start(*words)
        enough = number * MESSAGES // (KILLS + 2)
        eventually(lambda wanted=enough: queue.held() >= wanted, seconds=500)
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    assert 0 < queue.held() < MESSAGES

    worker = queue.start(*words, "--patience=300", f"--idle={10 if MESSAGES < 50_000 else 30}")
    enough = (KILLS + 1) * MESSAGES // (KILLS + 2)
    eventually(lambda: queue.held() >= enough, seconds=500)
    broker = psutil.Process(queue.stack.pids()["rabbitmq"])
    broker.kill()  # the supervisor starts it again
    out, story = worker.communicate(timeout=500)

    assert worker.returncode == 0, story
    last = json.loads(out)
    assert last["reconnects"] >= 1
    assert last["taken"] == last["documents"] + last["before"] + last["dead"]
    assert queue.ids() == Counter(f"1-{number:012d}" for number in range(MESSAGES))
    assert queue.waiting() == 0
    letters = queue.letters()
    assert len({each for each, _, _ in letters}) == POISON
    assert len(letters) <= POISON * (KILLS + 2), "a kill sends a letter once more at most"


def test_a_worker_that_is_told_to_end_ends_its_batches_and_returns_the_rest(queue: Queue) -> None:
    queue.run("send", "--count=6000")
    port = free_port()
    worker = queue.start("--batch=200", f"--port={port}")
    eventually(queue.held, seconds=120)
    ready, told = (httpx.get(f"http://127.0.0.1:{port}/{each}", trust_env=False) for each in ("readyz", "metrics"))
    worker.terminate()
    out, story = worker.communicate(timeout=60)

    assert worker.returncode == 0, story
    done = json.loads(out)
    assert (ready.status_code, told.status_code) == (200, 200)
    assert f'headrace_drain_messages_total{{outcome="document",queue="{queue.name}"}}' in told.text
    assert 0 < done["documents"] < 6000
    assert done["documents"] == queue.held()
    eventually(lambda: queue.waiting() == 6000 - done["documents"])


def test_a_queue_under_load_asks_for_workers_also_while_all_it_has_is_being_worked_on(queue: Queue) -> None:
    queue.run("send", "--count=35")
    eventually(lambda: queue.length() == 35, seconds=15)
    asked = [scaling.replicas(1, queue.length())]
    connection = queue.broker()
    channel: Any = connection.channel()
    taken = [channel.basic_get(queue.name)[0].delivery_tag for _ in range(35)]
    eventually(lambda: queue.read()["messages_unacknowledged"] == 35, seconds=15)
    assert queue.waiting() == 0, "this is all that a reader by AMQP sees"
    asked.append(scaling.replicas(4, queue.length()))
    connection.close()

    queue.run("send", "--count=3000", "--first=35")
    begun = time.monotonic()
    eventually(lambda: scaling.replicas(4, queue.length()) == 10, seconds=15)
    seen = time.monotonic() - begun
    drained = queue.run("drain", "--count=3000", "--batch=500")
    eventually(lambda: scaling.replicas(10, queue.length()) == 1, seconds=15)

    assert (len(taken), asked, drained["documents"]) == (35, [4, 4], 3000)
    assert seen < 15, "with the autoscaler's own 15 s it is what a burst waits for"


def test_a_queue_that_was_made_in_another_way_is_refused_with_what_helps(queue: Queue) -> None:
    connection = queue.broker()
    connection.channel().queue_declare(queue.name, durable=False)
    connection.close()

    done = queue.stack.headrace(*queue.words("send", "--count=1"))

    assert done.returncode == 1
    assert "cannot be used as it is" in done.stderr
    assert "RABBITMQ_QUEUE_TYPE" in done.stderr


def test_collections_are_made_as_declared_once(queue: Queue, tmp_path: Path) -> None:
    file = tmp_path / "collections.yaml"
    file.write_text(
        f"collections:\n- name: {queue.name}\n  documents: {{bsonType: object, required: [time]}}\n"
        "  indexes:\n  - name: time\n    keys: {time: -1}\n    expire_after: 60\n"
    )
    ended = [queue.stack.headrace("documents", "plan", str(file), "--fail-on-changes").returncode]
    applied = json.loads(queue.stack.headrace("documents", "apply", str(file), "--output=json").stdout)
    ended.append(queue.stack.headrace("documents", "plan", str(file), "--fail-on-changes").returncode)
    file.write_text(file.read_text().replace("{time: -1}", "{time: 1}"))
    other = queue.stack.headrace("documents", "apply", str(file))

    assert ended == [3, 0]
    assert (applied["applied"], applied["create"], applied["unchecked"]) == (True, 2, [queue.name])
    assert queue.collection.index_information()["time"]["expireAfterSeconds"] == 60
    assert other.returncode == 1
    assert "another definition" in other.stderr


def test_who_is_not_there_is_named_with_what_starts_it(services: Copy) -> None:
    for variable, words in {
        "RABBITMQ_HOST": ["rabbit", "send", "q", "--count=1"],
        "MONGODB_HOST": ["documents", "plan"],
    }.items():
        done = services.headrace(*words, **{variable: "127.0.0.1:9"})
        assert done.returncode == 1
        assert "127.0.0.1:9" in done.stderr
        assert "make up WITH=documents" in done.stderr
