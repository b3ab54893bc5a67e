"""Offsets without a record: what compaction removed, what transactions left; the counts stay exact."""

import json
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.services.copies import Copy, eventually
from tests.services.test_lake import Topic, good

CHAIN = ("bronze", "silver", "gold")
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "50",
    "min.cleanable.dirty.ratio": "0",
    "max.compaction.lag.ms": "1",
}


@pytest.fixture
def topic(stack: Copy) -> Topic:
    return Topic(stack)


def seen(topic: Topic) -> tuple[int, int]:
    """How many records a `read_committed` consumer sees, and how many offsets there are."""
    consumer = Consumer({**topic.config, "group.id": "holes", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic.name, each, 0) for each in range(3)])
    count = ended = 0
    while ended < 3:
        for record in consumer.consume(500, 0.2):
            error = record.error()
            count, ended = count + (not error), ended + bool(error)
    ends = sum(consumer.get_watermark_offsets(TopicPartition(topic.name, each), 10)[1] for each in range(3))
    consumer.close()
    return count, ends


def verified(topic: Topic, status: int = 0) -> dict[str, Any]:
    done = topic.job("ledger", "verify")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def keyed(topic: Topic, numbers: range, *, keys: int) -> None:
    producer = Producer(topic.config)
    for number in numbers:
        producer.produce(topic.name, good(number), key=str(number % keys), partition=number % 2)
    assert producer.flush(30) == 0


def test_what_compaction_removed_is_a_hole_and_what_it_left_is_there_once(topic: Topic) -> None:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    for name, value in COMPACTED.items():
        resource.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
    for changed in topic.admin.incremental_alter_configs([resource]).values():
        changed.result()
    keyed(topic, range(400), keys=10)

    def compacted() -> bool:
        keyed(topic, range(400, 402), keys=10)  # closes the segment before it
        count, ends = seen(topic)
        return count < ends // 2

    eventually(compacted, seconds=90)
    first = topic.do("bronze")
    keyed(topic, range(500, 520), keys=10)
    for step in CHAIN:
        topic.do(step)
    counts = verified(topic)["counts"]

    ends = seen(topic)[1]
    assert 0 < first["rows"] < sum(each["end"] for each in first["windows"]) // 2
    assert (counts["offsets"], counts["behind"]) == (ends, 0)
    assert counts["holes"] == ends - counts["bronze"] > 0
    assert counts["bronze"] == counts["silver"] + counts["duplicates"] + counts["dead"]


def test_marks_and_aborted_records_are_holes_and_a_load_never_passes_an_open_transaction(topic: Topic) -> None:
    producer = Producer({**topic.config, "transactional.id": topic.name, "transaction.timeout.ms": 600_000})
    producer.init_transactions(30)
    number = 0
    for end in (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for partition in (0, 1):
            for _ in range(20):
                producer.produce(topic.name, good(number), partition=partition)
                number += 1
        assert producer.flush(30) == 0
        end()
    producer.begin_transaction()
    producer.produce(topic.name, good(number), partition=1)
    assert producer.flush(30) == 0
    topic.produce(*map(good, range(900, 930)))  # without a transaction, some of them behind the open one

    early, *_ = [topic.do(step) for step in CHAIN]
    before = verified(topic)["counts"]
    producer.commit_transaction()
    late, *_ = [topic.do(step) for step in CHAIN]
    after = verified(topic)["counts"]

    visible, ends = seen(topic)
    assert (early["rows"] + late["rows"], late["rows"] >= 1) == (visible, True)
    assert visible == 20 * 2 * 2 + 1 + 30
    assert (before["behind"], before["bronze"]) == (0, early["rows"])
    assert (after["bronze"], after["silver"], after["offsets"]) == (visible, visible, ends)
    assert after["holes"] == ends - visible == 20 * 2 + 2 * 3 + 1

    lake = topic.stack.env["LAKE_URI"]
    with topic.stack.spark() as spark:
        spark.sql(f"DELETE FROM delta.`{lake}/bronze/{topic.name}` WHERE partition = 0 AND offset = 3").collect()  # noqa: S608

    broken = topic.job("ledger", "verify")
    assert broken.returncode == 4
    assert "bronze: records of the topic that are not there: 1, not 0" in broken.stderr
