"""`sqs export` on the real topic: killed, and at the limits of a queue; in full with KILLS=20 MESSAGES=1000000."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from jobs.sqs.journal import TOPIC
from jobs.sqs.progress import State
from tests.services.copies import ROOT, Copy, eventually

KILLS = int(os.environ.get("KILLS", "2"))
MESSAGES = int(os.environ.get("MESSAGES", "20000"))
PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""  # KiB; in a small process of its own, because a child's figure starts with that of who forked it
IN_DOUBT = 5_120  # messages that are announced and not settled on paper, at most: 128 requests of ten, four times


class Source:
    """A topic of one test, and what exports it."""

    def __init__(self, stack: Copy) -> None:
        self.stack, self.name = stack, f"sqs-{uuid4().hex[:8]}"
        self.config: dict[str, Any] = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"], "linger.ms": 20}
        admin = AdminClient(self.config)  # ends its requests when nobody holds it
        large = {"max.message.bytes": "2000000"}
        topics = [NewTopic(self.name, 3, 1, config=large), NewTopic(f"{self.name}.dlq", 1, 1, config=large)]
        for made in admin.create_topics(topics).values():
            made.result()

    def produce(self, *values: bytes | None) -> None:
        producer = Producer({**self.config, "message.max.bytes": 2_000_000})
        for number, value in enumerate(values):
            producer.produce(self.name, value, key=f"k{number % 50}")
            producer.poll(0)
        assert producer.flush(60) == 0

    def words(self, queue: str, *more: str) -> list[str]:
        return ["sqs", "export", f"--topic={self.name}", f"--queue={queue}", *more]

    def export(self, queue: str, *more: str, **environment: str) -> dict[str, Any]:
        done = self.stack.headrace(*self.words(queue, *more), **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def source(stack: Copy) -> Source:
    return Source(stack)


@pytest.fixture
def stub(request: pytest.FixtureRequest) -> Iterator[str]:
    """A stand-in for SQS that says exactly what it took; with `count` it only counts, and answers at once."""
    how = ["0"] if getattr(request, "param", "") == "count" else ["2", "keep"]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "tests.queue_stub", str(port), *how], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/taken").is_success
    except httpx.HTTPError:
        return False


def taken(url: str) -> int:
    return httpx.get(f"{url}/taken").json()["count"]


@pytest.mark.parametrize("queue", ["q", "q.fifo"])
def test_killed_again_and_again_nothing_is_missing(source: Source, stub: str, queue: str) -> None:
    count, chance, told = 1_500 * (KILLS + 2), random.Random(3), list[str]()  # noqa: S311
    source.produce(*(str(number).encode() for number in range(count)))
    environment = {**os.environ, "HEADRACE_STATE": str(source.stack.state), "AWS_ENDPOINT_URL_SQS": stub}
    for kill in range(KILLS):
        command = [ROOT / ".venv/bin/headrace", *source.words(queue, "--rate=1500")]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        wanted = 1_500 * kill + chance.randrange(200, 1_200)
        eventually(lambda least=wanted: taken(stub) >= least, seconds=120)
        process.send_signal(signal.SIGKILL)
        told.append(process.communicate()[1].decode())

    done = source.stack.headrace(*source.words(queue), AWS_ENDPOINT_URL_SQS=stub)
    assert done.returncode == 0, done.stderr
    last, told = json.loads(done.stdout), [*told, done.stderr]
    again = source.export(queue, AWS_ENDPOINT_URL_SQS=stub)

    bodies = httpx.get(f"{stub}/bodies").json()
    twice = len(bodies) - len({origin for origin, _, _ in bodies})
    assert {int(body) for _, _, body in bodies} == set(range(count))
    assert last["sent"] + last["before"] == last["accepted"] + last["before"] == count
    assert (again["sent"], again["before"], again["maybe_twice"]) == (0, count, 0)
    doubts = [int(each) for text in told for each in re.findall(r"killed with up to (\d+) messages", text)]
    print(f"\n{queue}: {KILLS} kills, {twice} there twice, announced as in doubt {doubts}")  # noqa: T201
    assert twice <= sum(doubts)
    assert max(doubts) <= IN_DOUBT
    if queue.endswith(".fifo"):
        assert twice == 0
        for group in {group for _, group, _ in bodies}:
            numbers = [int(body) for _, of, body in bodies if of == group]
            assert numbers == sorted(numbers)


def age(source: Source, queue: str, seconds: int) -> int:
    """Make the progress of an export older than it is, and return how many messages it leaves in doubt."""
    reader = Consumer({**source.config, "group.id": "test", "enable.auto.commit": False})
    end = reader.get_watermark_offsets(TopicPartition(TOPIC, 0))[1]
    reader.assign([TopicPartition(TOPIC, 0, 0)])
    last = None
    while (read := reader.poll(30)) and read.error() is None:
        last = read if (read.key() or b"").endswith(f"{queue} {source.name}".encode()) else last
        if (read.offset() or 0) + 1 == end:
            break
    reader.close()
    assert last, "the export has written nothing down"
    with dated(source):
        producer = Producer(source.config)
        producer.produce(TOPIC, last.value(), last.key(), timestamp=last.timestamp()[1] - seconds * 1000)
        assert producer.flush(30) == 0
    return State.model_validate_json(last.value() or b"").doubtful


@contextmanager
def dated(source: Source) -> Iterator[None]:
    """Records of progress have the time that their producer says, not the broker's."""
    admin = AdminClient(source.config)

    def say(how: str) -> None:
        entry = ConfigEntry("message.timestamp.type", how, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result()

    say("CreateTime")
    try:
        yield
    finally:
        say("LogAppendTime")


@pytest.mark.parametrize("choice", ["send", "skip"])
def test_a_fifo_export_that_goes_on_too_late_leaves_the_choice(source: Source, stub: str, choice: str) -> None:
    source.produce(*(str(number).encode() for number in range(3_000)))
    environment = {**os.environ, "HEADRACE_STATE": str(source.stack.state), "AWS_ENDPOINT_URL_SQS": stub}
    command = [ROOT / ".venv/bin/headrace", *source.words("q.fifo", "--rate=1000")]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    eventually(lambda: taken(stub) >= 500, seconds=120)
    process.kill()
    process.wait()
    doubtful = age(source, "q.fifo", 300)

    refused = source.stack.headrace(*source.words("q.fifo"), AWS_ENDPOINT_URL_SQS=stub)
    chosen = source.export("q.fifo", f"--in-doubt={choice}", AWS_ENDPOINT_URL_SQS=stub)

    assert refused.returncode == 1
    assert f"for {doubtful} messages nobody knows whether q.fifo has them" in refused.stderr
    assert "--in-doubt=send" in refused.stderr
    assert 0 <= 3_000 - taken(stub) <= {"send": 0, "skip": doubtful}[choice]
    assert 0 < doubtful <= IN_DOUBT
    assert chosen["maybe_twice"] == {"send": doubtful, "skip": 0}[choice]


@pytest.mark.parametrize("stub", ["count"], indirect=True)
def test_memory_does_not_grow_with_the_topic(source: Source, stub: str) -> None:
    source.produce(*(b"x" * 200 for _ in range(MESSAGES)))
    environment = {**os.environ, "HEADRACE_STATE": str(source.stack.state), "AWS_ENDPOINT_URL_SQS": stub}
    command = [ROOT / ".venv/bin/headrace", *source.words("q")]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command], check=False, cwd=ROOT, env=environment, capture_output=True
    )
    peak = int(done.stderr) / 1024

    assert done.returncode == 0
    assert taken(stub) == MESSAGES
    print(f"\n{MESSAGES:,} messages: {peak:.0f} MiB at most")  # noqa: T201 - the figure is asked for
    assert peak < 256


def test_each_size_at_its_limit_has_its_right_end(source: Source, stack: Copy) -> None:
    """ElasticMQ judges: what was packed is never refused for its size, and what it would refuse is a dead letter."""
    overhead = len(f"origin{source.name}/0/0content-typeapplication/json") + 2 * len("String")
    limit = 262_144
    source.produce(
        *[b"x" * 200_000] * 10,
        b"x" * (limit - overhead),
        b"x" * (limit - overhead + 1),
        b"x" * 1_048_576,
        b"",
        None,
        b"\x00",
        b"\xff",
        "é€😀\t\n".encode(),
    )

    result = source.export(source.name, "--create")
    dry = source.export(source.name, "--dry-run", "--restart")

    assert (result["sent"], result["accepted"], result["dead"]) == (18, 12, 6)
    assert (dry["messages"], dry["dead"], dry["calls"]) == (12, 6, dry["calls"])
    letters = json.loads(stack.headrace("dlq", "list", f"--topic={source.name}.dlq").stdout)
    reasons = Counter(each["reason"].partition(":")[0] for each in letters for _ in range(each["count"]))
    assert reasons == {"MessageTooLong": 2, "MissingParameter": 2, "InvalidMessageContents": 2}


def test_bronze_and_the_topic_share_their_progress_and_another_queue_of_that_name_is_refused(
    source: Source, stack: Copy
) -> None:
    source.produce(*(str(number).encode() for number in range(30)))
    assert stack.headrace("bronze", "load", f"--topic={source.name}").returncode == 0
    table = ["sqs", "export", f"--table=bronze/{source.name}", f"--queue={source.name}"]

    first = json.loads(stack.headrace(*table, "--create").stdout)
    source.produce(b"new")
    second = source.export(source.name)
    sqs = boto3.client(
        "sqs",
        endpoint_url=stack.env["AWS_ENDPOINT_URL_SQS"],
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    url = sqs.get_queue_url(QueueName=source.name)["QueueUrl"]
    held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    sqs.delete_queue(QueueUrl=url)
    refused = stack.headrace(*table, "--create")

    assert (first["accepted"], second["accepted"], second["before"]) == (30, 1, 30)
    assert held == {"ApproximateNumberOfMessages": "31"}
    assert refused.returncode == 1
    assert "is not the queue that was exported to" in refused.stderr
    assert "--restart" in refused.stderr
