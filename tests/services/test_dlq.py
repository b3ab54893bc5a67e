"""Dead letters, from the record that nobody could read until it is back where it came from."""

import json
import os
import signal
import subprocess
from collections import Counter
from functools import partial
from time import time
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from tests.services.copies import ROOT, Copy, eventually
from tests.services.test_lake import STEPS, Topic, good

KILLS = int(os.environ.get("DLQ_KILLS", "2"))
THEN = int(time() * 1000) - 3_600_000  # an hour ago: older than retention allows is deleted at once
LETTERS = int(os.environ.get("DLQ_LETTERS", "1000"))


@pytest.fixture
def topic(stack: Copy) -> Topic:
    return Topic(stack)


def bury(topic: Topic, count: int, *, headers: dict[str, bytes] | None = None, place: str = "", time: int = 0) -> None:
    """Write letters of records that never were: what a redrive sees is only the letters."""
    producer = Producer(topic.config)
    for number in range(count):
        said = {
            **(headers or {}),
            "headrace.dlq.headers": str(len(headers or {})).encode(),
            "headrace.dlq.reason": b"bad",
            "headrace.dlq.timestamp": b"%d" % (time or THEN),
            "headrace.dlq.key": b"k%d" % (number % 7),
        }
        origin = place or f"{topic.name}/{number % 3}/{number}"
        producer.produce(f"{topic.name}.dlq", b"%d" % number, origin.encode(), headers=[*said.items()])
    assert producer.flush(30) == 0


def records(topic: Topic, name: str) -> list[Message]:
    """Every committed record of a topic."""
    reader = Consumer({**topic.config, "group.id": uuid4().hex, "enable.partition.eof": True})
    todo = {each.id for each in reader.list_topics(name).topics[name].partitions.values()}
    reader.assign([TopicPartition(name, each, 0) for each in todo])
    found: list[Message] = []
    while todo:
        for each in reader.consume(1000, 5):
            if error := each.error():
                assert error.name() == "_PARTITION_EOF", error
                todo.discard(each.partition() or 0)
            else:
                found.append(each)
    reader.close()
    return found


def answer(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def start(topic: Topic, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [ROOT / ".venv/bin/headrace", "dlq", "redrive", f"--topic={topic.name}.dlq", *words],
        cwd=ROOT,
        env={**os.environ, "HEADRACE_STATE": str(topic.stack.state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def under_way(topic: Topic, process: subprocess.Popen[str], least: int) -> bool:
    return process.poll() is not None or len(records(topic, topic.name)) >= least


def redrive(topic: Topic, *words: str, status: int = 0) -> dict[str, Any]:
    return answer(topic.stack.headrace("dlq", "redrive", f"--topic={topic.name}.dlq", *words), status)


def test_a_letter_goes_back_as_it_was_once_and_the_books_add_up(topic: Topic) -> None:
    sent = [(b"\xff\xfe", b"k", [("a", b"1"), ("a", b"2"), ("none", None)]), (None, None, []), (b"", b"", [("b", b"")])]
    producer = Producer(topic.config)
    for value, key, headers in sent:
        producer.produce(topic.name, value, key, 1, headers=headers, timestamp=THEN)
    producer.flush()
    topic.produce(*map(good, range(5)))
    for step in STEPS:
        topic.do(step)

    rehearsed = redrive(topic, "--dry-run")
    first = redrive(topic, "--reason=no*", "--max=1")
    rest = redrive(topic, "--rate=100")
    again = redrive(topic)

    assert rehearsed == {**rest, "matching": 3, "redriven": 3, "to": {topic.name: 3}, "dry_run": True}
    assert (first["matching"], first["redriven"], first["left"]) == (3, 1, 2)
    assert (rest["redriven"], again["matching"], again["redriven"]) == (2, 0, 0)
    back = [each for each in records(topic, topic.name) if (each.offset() or 0) > 2 and each.partition() == 1]
    back = [each for each in back if "headrace.redrive.origin" in dict(each.headers() or [])]
    shape = [(each.value(), each.key(), list(each.headers() or [])[:-3], each.timestamp()[1]) for each in back]
    assert sorted(map(repr, shape)) == sorted(repr((*each, THEN)) for each in sent)
    for step in STEPS[:-1]:
        topic.do(step)
    counts = {"bronze": 11, "silver": 5, "dead": 6, "redriven": 3, "duplicates": 0}
    assert counts.items() <= topic.do("verify")["counts"].items()
    listed = answer(topic.stack.headrace("dlq", "list", f"--topic={topic.name}.dlq"))
    assert sum(each["count"] for each in listed) == 6
    assert sum(each["redriven"] for each in listed) == 3


def test_what_fails_again_and_again_stays_where_it_is(topic: Topic) -> None:
    bury(topic, 2, headers={"headrace.redrive.attempt": b"2", "headrace.redrive.origin": b"first/0/1"})
    last = redrive(topic)
    letters = records(topic, topic.name)
    bury(topic, 4, headers={"headrace.redrive.attempt": b"3"})
    stays = redrive(topic, status=5)
    more = redrive(topic, "--max-attempts=4")

    said = [dict(each.headers() or []) for each in letters]
    assert last["redriven"] == 2
    assert [(each["headrace.redrive.attempt"], each["headrace.redrive.origin"]) for each in said] == [
        (b"3", b"first/0/1")
    ] * 2
    assert (stays["matching"], stays["redriven"], stays["exhausted"]) == (2, 0, 2)
    assert more["redriven"] == 2


def test_killed_doubled_and_run_again_each_letter_is_back_once(topic: Topic) -> None:
    bury(topic, LETTERS)
    for number in range(KILLS):
        killed = start(topic, "--rate=200")
        least = LETTERS * (number + 1) // (KILLS * 10)
        eventually(partial(under_way, topic, killed, least), seconds=60)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    both = [start(topic) for _ in range(2)]
    said = [each.communicate()[1] for each in both]
    assert 0 in [each.returncode for each in both], said
    for process, words in zip(both, said, strict=True):
        assert process.returncode == 0 or "another redrive" in words, words

    redrive(topic)

    found = Counter(each.value() for each in records(topic, topic.name))
    assert found == {b"%d" % number: 1 for number in range(LETTERS)}


def test_what_no_letter_can_hold_is_in_the_lake_and_goes_back_from_there(stack: Copy) -> None:
    topic = Topic(stack, large=3_000_000)
    value = b"\xff" * 2_500_000
    producer = Producer({**topic.config, "message.max.bytes": 3_000_000})
    producer.produce(topic.name, value, b"k")
    producer.flush()
    topic.produce(good(1))
    for step in STEPS[:-1]:
        topic.do(step)

    (shown,) = answer(stack.headrace("dlq", "show", f"--topic={topic.name}.dlq"))
    small = f"{topic.name}.small"
    topic.admin.create_topics([NewTopic(small, 1, 1)])[small].result()
    refused = redrive(topic, f"--to={small}", status=5)
    done = redrive(topic)

    assert (shown["size"], shown["value"], shown["elsewhere"].partition(",")[0]) == (
        2_500_000,
        None,
        f"dead/{topic.name}",
    )
    assert list(refused["unable"]) == [f"{small} takes records of 1048588 bytes, and it is larger"]
    assert done["redriven"] == 1
    back = [each for each in records(topic, topic.name) if each.key() == b"k"]
    assert [each.value() for each in back] == [value] * 2
    topic.do("bronze")
    assert topic.do("silver")["dead"] == 1  # again, and again as a pointer: no loop


def test_what_cannot_go_back_says_why(topic: Topic) -> None:
    week = ConfigEntry("retention.ms", "604800000", incremental_operation=AlterConfigOpType.SET)
    place = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=[week])
    topic.admin.incremental_alter_configs([place])[place].result()
    bury(topic, 1, place="gold/messages/abc")
    bury(topic, 1, place="no-such-topic/0/1")
    bury(topic, 1, place=f"{topic.name}/unsent/00ff")
    bury(topic, 1, place=f"{topic.name}/0/2", time=1)

    done = redrive(topic, status=5)
    other = redrive(topic, f"--to={topic.name}", status=5)
    unknown = topic.stack.headrace("dlq", "redrive", f"--topic={topic.name}.dlq", "--reason=worse")

    assert (done["redriven"], len(done["unable"])) == (1, 3)
    assert any("there is no topic no-such-topic" in each for each in done["unable"])
    assert other["redriven"] == 2
    assert [*other["unable"]] == [
        f"{topic.name} deletes records that are older than 604800 s, by their own time, and it is"
    ]
    assert unknown.returncode == 2
    assert "no letter has the reason 'worse'; there is: bad" in unknown.stderr
