"""From topic to queue, step by step, killed and doubled: the ledger must add up all the same."""

import json
import os
import signal
import subprocess
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.copies import ROOT, Copy

BAD = {
    "not UTF-8": [b"\xff\xfe", b'{"text": "\xc3"}'],
    "no value": [None],
    "not JSON of the schema": [b"", b"{bad", b"[1]", b'"text"', b'{"message_id": "x"}', b"[" * 5000],
    "no chat_id": [b'{"message_id": 1, "date": 1}', b"{}"],
    "no message_id": [b'{"chat": {"id": "1"}, "date": 1}'],
    "no sent_at": [b'{"chat": {"id": "1"}, "message_id": 1}'],
    "date out of range": [b'{"chat": {"id": "1"}, "message_id": 1, "date": 9223372036854775807}'],
}


def good(number: int) -> bytes:
    chat = {"id": str(number % 7), "type": "group"}
    sender = {"id": number % 5, "username": f"u{number % 5}"}
    event = {
        "message_id": number,
        "date": 1767225600 + number * 60,
        "from": sender,
        "chat": chat,
        "text": f"é {number}",
    }
    return json.dumps(event).encode()


class Topic:
    """A topic of one test with its dead letters, and the jobs that are run on it."""

    def __init__(self, stack: Copy, *, large: int = 0) -> None:
        self.stack = stack
        self.name = f"t-{uuid4().hex[:8]}"
        self.queue = f"{self.name}-gold"
        self.config: dict[str, Any] = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
        self.admin = AdminClient(self.config)
        self.create(large)

    def create(self, large: int = 0) -> None:
        own = {"retention.ms": "-1"} | ({"max.message.bytes": str(large)} if large else {})  # some records are old
        made = [NewTopic(self.name, 3, 1, config=own), NewTopic(f"{self.name}.dlq", 3, 1)]
        for each in self.admin.create_topics(made).values():
            each.result()

    def produce(self, *values: bytes | None) -> None:
        producer = Producer(self.config)
        for value in values:
            producer.produce(self.name, value)
        assert producer.flush(30) == 0

    def job(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.stack.headrace(*words, f"--topic={self.name}")

    def words(self, step: str) -> list[str]:
        """The command line of a step on this topic."""
        return {
            "bronze": ["bronze", "load", f"--topic={self.name}"],
            "silver": ["silver", "clean", f"--topic={self.name}", "--dataset=messages"],
            "gold": ["gold", "build", f"--topic={self.name}", "--dataset=messages"],
            "export": ["sqs", "export", f"--table=gold/{self.name}", f"--queue={self.queue}", "--create=True"],
            "verify": ["ledger", "verify", f"--topic={self.name}", f"--queue={self.queue}"],
        }[step]

    def do(self, step: str) -> dict[str, Any]:
        """Run a step that must succeed, and return its result."""
        done = self.stack.headrace(*self.words(step))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, step: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HEADRACE_STATE": str(self.stack.state)}
        return subprocess.Popen(
            [ROOT / ".venv/bin/headrace", *self.words(step)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


STEPS = ("bronze", "silver", "gold", "export", "verify")


@pytest.fixture
def topic(stack: Copy) -> Topic:
    return Topic(stack)


def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_goes_through(topic: Topic) -> None:
    topic.produce(*map(good, range(100)), *(value for values in BAD.values() for value in values), good(7))
    bad = sum(map(len, BAD.values()))

    *_, exported, verified = [topic.do(step) for step in STEPS]

    assert exported["accepted"] == verified["counts"]["gold"] > 0
    counts = {"bronze": 101 + bad, "silver": 100, "dead": bad, "duplicates": 1}
    assert counts.items() <= verified["counts"].items()
    letters = json.loads(topic.stack.headrace("dlq", "list", f"--topic={topic.name}.dlq").stdout)
    assert {each["reason"]: each["count"] for each in letters} == {why: len(values) for why, values in BAD.items()}


def test_more_dead_letters_than_allowed_end_with_status_5(topic: Topic) -> None:
    topic.produce(good(1), b"bad", b"worse")
    topic.do("bronze")

    done = topic.stack.headrace(*topic.words("silver"), "--max-dead-letters=1")

    assert done.returncode == 5
    assert json.loads(done.stdout)["dead"] == 2
    assert "2 records went to the dead letters, 1 are allowed" in done.stderr
    again = topic.stack.headrace(*topic.words("silver"), "--max-dead-letters=1")
    assert (again.returncode, json.loads(again.stdout)["records"]) == (5, 0), "trying again makes no verdict better"
    assert topic.stack.headrace(*topic.words("silver"), "--max-dead-letters=2").returncode == 0
    other = topic.stack.headrace(*topic.words("silver"), "--max-dead-letters=1", HEADRACE_RUN="another")
    assert other.returncode == 0, other.stderr


def test_a_later_run_writes_only_what_is_new(topic: Topic) -> None:
    topic.produce(*map(good, range(50)))
    for step in STEPS[:-1]:
        topic.do(step)

    topic.produce(*map(good, range(50, 60)))
    loaded, cleaned, *_, verified = [topic.do(step) for step in STEPS]

    assert (loaded["entry"], loaded["rows"], cleaned["rows"]) == (2, 10, 10)
    assert verified["counts"]["silver"] == 60


def test_steps_killed_in_the_middle_and_run_again_end_as_if_nothing_had_been(topic: Topic) -> None:
    topic.produce(*map(good, range(200)), b"bad")
    for step in STEPS[:-1]:
        for seconds in (2, 3):  # while it connects, plans, writes
            process = topic.start(step)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
        topic.do(step)

    verified = topic.do("verify")

    counts = {"bronze": 201, "silver": 200, "dead": 1, "duplicates": 0, "gold": 7, "accepted": 7}
    assert counts.items() <= verified["counts"].items()


def test_two_at_once_leave_the_same_state_as_one(topic: Topic) -> None:
    topic.produce(*map(good, range(300)), b"bad")
    for step in STEPS[:-1]:
        both = [topic.start(step) for _ in range(2)]
        said = [process.communicate()[1] for process in both]
        assert 0 in [process.returncode for process in both], said
        for process, words in zip(both, said, strict=True):
            assert process.returncode == 0 or "wrote entry 1 of the ledger first" in words, words

    verified = topic.do("verify")

    assert {"bronze": 301, "silver": 300, "dead": 1, "gold": 7}.items() <= verified["counts"].items()


def expire(topic: Topic, count: int) -> None:
    partition = TopicPartition(topic.name, 0, count)
    for done in topic.admin.delete_records([partition]).values():
        done.result()


def test_offsets_that_expired_before_they_were_loaded_stop_the_load_unless_told_otherwise(topic: Topic) -> None:
    producer = Producer(topic.config)
    producer.produce(topic.name, good(0), partition=0)
    producer.flush()
    topic.do("bronze")
    for number in range(1, 10):
        producer.produce(topic.name, good(number), partition=0)
    producer.flush()
    expire(topic, 4)

    refused = topic.job("bronze", "load")
    clipped = topic.stack.headrace(*topic.words("bronze"), "--on-expired=clip")

    assert refused.returncode == 1
    assert "3 of 9 records of partition 0 expired and were never loaded" in refused.stderr
    assert json.loads(clipped.stdout)["expired"] == {"0": 3}
    assert json.loads(clipped.stdout)["rows"] == 6
    for step in ("silver", "gold", "export"):
        topic.do(step)
    assert topic.do("verify")["counts"]["expired"] == 3


def test_a_topic_made_again_is_not_taken_for_the_old_one(topic: Topic) -> None:
    topic.produce(*map(good, range(5)))
    topic.do("bronze")
    for gone in topic.admin.delete_topics([topic.name, f"{topic.name}.dlq"]).values():
        gone.result()
    topic.create()

    refused = topic.job("bronze", "load")

    assert refused.returncode == 1
    assert "was deleted and made again" in refused.stderr


def test_records_of_an_aborted_transaction_are_not_loaded(topic: Topic) -> None:
    producer = Producer({**topic.config, "transactional.id": topic.name})
    producer.init_transactions(30)
    for number, end in enumerate(
        (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction)
    ):
        producer.begin_transaction()
        producer.produce(topic.name, good(number), partition=0)
        producer.flush()
        end()

    loaded = topic.do("bronze")

    assert (loaded["rows"], loaded["windows"][0]["end"]) == (2, 6)  # each transaction ends in a mark


def test_what_was_never_loaded_does_not_verify(stack: Copy, topic: Topic) -> None:
    absent = topic.stack.headrace(*topic.words("verify"))
    misspelt = stack.headrace("ledger", "verify", "--topic=no-such")

    assert absent.returncode == 4
    assert "there is nothing to verify: no table bronze/" in absent.stderr
    assert misspelt.returncode == 1
    assert "there is no topic no-such" in misspelt.stderr


def test_a_table_that_lost_a_row_does_not_verify(topic: Topic) -> None:
    topic.produce(*map(good, range(20)))
    for step in STEPS[:-1]:
        topic.do(step)
    lake = topic.stack.env["LAKE_URI"]
    with topic.stack.spark() as spark:
        spark.sql(f"DELETE FROM delta.`{lake}/silver/{topic.name}` WHERE message_id = 3").collect()  # noqa: S608

    broken = topic.stack.headrace(*topic.words("verify"))

    assert broken.returncode == 4
    assert "silver: rows by the ledger: 19, not 20" in broken.stderr
    assert "silver: events in bronze, counted anew: 19, not 20" in broken.stderr
