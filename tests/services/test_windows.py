"""Ranges of time and offsets: listed, loaded, expired, and left for later."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from tests.services.copies import Copy
from tests.services.test_lake import Topic, good


@pytest.fixture
def topic(stack: Copy) -> Topic:
    return Topic(stack)


def fill(topic: Topic, numbers: range, *, partition: int = 0, at: datetime | None = None) -> None:
    """Records of one partition, a second apart from the given time on."""
    producer = Producer(topic.config)
    for number in numbers:
        stamp = int(((at.timestamp() if at else time.time()) + number) * 1000)
        producer.produce(topic.name, good(number), partition=partition, timestamp=stamp)
    assert producer.flush(30) == 0


def ask(topic: Topic, *words: str, status: int = 0) -> Any:
    done = topic.stack.headrace(*words, f"--topic={topic.name}")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_range_of_time_or_offsets_is_loaded_once_and_the_rest_is_left_for_later(topic: Topic) -> None:
    fill(topic, range(3600), at=NEW_YEAR)
    fill(topic, range(10), partition=1, at=NEW_YEAR)
    timed = ("--start=2026-01-01T00:10", "--end=2026-01-01T01:20+01:00")

    listed = ask(topic, "windows", "list", *timed)
    loaded = ask(topic, "bronze", "load", *timed)
    wider = ask(topic, "bronze", "load", "--offsets=0:500-1300")
    again = ask(topic, "bronze", "load", "--offsets=0:500-1300")
    ahead = ask(topic, "windows", "list")

    assert listed["offsets"] == "0:600-1200"
    assert (loaded["rows"], loaded["skipped"]) == (600, 600)
    assert (wider["rows"], wider["had"], wider["skipped"]) == (200, 600, 500)
    assert (again["entry"], again["had"]) == (0, 800)
    assert ahead["offsets"] == "0:1300-3600,1:0-10"  # what is new; what was left for later is not
    for step in ("bronze", "silver", "gold"):
        topic.do(step)
    counts = ask(topic, "ledger", "verify")["counts"]
    assert (counts["bronze"], counts["skipped"], counts["behind"]) == (3110, 500, 0)
    assert ask(topic, "bronze", "load", "--offsets=0:-,1:-")["rows"] == 500
    assert ask(topic, "bronze", "load", "--offsets=0:-,1:-")["skipped"] == 0


def test_what_of_a_range_expired_is_counted_before_any_work(topic: Topic) -> None:
    fill(topic, range(90), at=NEW_YEAR)
    for done in topic.admin.delete_records([TopicPartition(topic.name, 0, 12)]).values():
        done.result()

    listed = ask(topic, "windows", "list", "--offsets=0:0-50", "--on-expired=fail", status=1)
    refused = topic.stack.headrace("bronze", "load", f"--topic={topic.name}", "--offsets=0:0-50")
    clipped = ask(topic, "bronze", "load", "--offsets=0:0-50", "--on-expired=clip")

    assert listed["expired"] == ["12 of 50 records of partition 0"]
    assert refused.returncode == 1
    assert "12 of 50 records of partition 0 expired and were never loaded" in refused.stderr
    assert (clipped["rows"], clipped["expired"]) == (38, {"0": 12})
    early = ask(topic, "windows", "list", "--start=2025-12-31", "--end=2026-01-01T00:01")
    assert (early["offsets"], early["expired"]) == ("0:12-60", ["up to 12 of 60 records of partition 0"])


def test_a_range_that_cannot_be_meant_is_refused(topic: Topic) -> None:
    for words in (["--offsets=0:5-"], ["--offsets=9:0-1"], ["--start=later"], ["--start=1h", "--end=2h"]):
        done = topic.stack.headrace("windows", "list", f"--topic={topic.name}", *words)
        assert (done.returncode, done.stdout) == (2, ""), words
