"""topics plan and apply, through the command line, on a real broker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from tests.services.copies import Copy
from tests.services.topics import answer, named, write


@pytest.fixture
def name(stack: Copy) -> Iterator[str]:
    with named(stack) as prefix:
        yield prefix


@pytest.fixture
def file(tmp_path: Path, name: str) -> Path:
    return write(tmp_path / "topics.yaml", name)


def test_plan_apply_plan(stack: Copy, file: Path) -> None:
    assert answer(stack.headrace("topics", "plan", str(file)))["create"] == 1
    assert answer(stack.headrace("topics", "plan", str(file), "--fail-on-changes"), 3)["create"] == 1
    dry = answer(stack.headrace("topics", "apply", str(file), "--dry-run"))
    assert (dry["create"], dry["applied"]) == (1, False)
    done = answer(stack.headrace("topics", "apply", str(file)))
    assert (done["create"], done["applied"]) == (1, True)
    assert answer(stack.headrace("topics", "plan", str(file), "--fail-on-changes"))["changes"] == []
    assert answer(stack.headrace("topics", "apply", str(file)))["changes"] == []


def test_changes_are_made_and_unset(stack: Copy, file: Path, name: str) -> None:
    answer(stack.headrace("topics", "apply", str(file)))
    write(file, name, partitions=4, configs="segment.ms: 60000")
    changed = answer(stack.headrace("topics", "apply", str(file)))["changes"][0]
    assert [(each["name"], each["before"], each["after"]) for each in changed["settings"]] == [
        ("partitions", "2", "4"),
        ("retention.ms", "60000", None),
        ("segment.ms", None, "60000"),
    ]
    assert answer(stack.headrace("topics", "plan", str(file)))["changes"] == []


def test_a_shrink_is_refused_with_its_line(stack: Copy, file: Path, name: str) -> None:
    answer(stack.headrace("topics", "apply", str(file)))
    write(file, name, partitions=1)
    refused = stack.headrace("topics", "apply", str(file))
    assert refused.returncode == 1
    assert f"topics.yaml:2: {name}-0: partitions cannot shrink from 2 to 1" in refused.stderr


def test_the_cluster_judges_before_anything_is_made(stack: Copy, file: Path, name: str) -> None:
    text = f"topics:\n  - name: {name}-good\n  - name: {name}-bad\n    replication_factor: 99\n"
    file.write_text(text + f"  - name: {name}-worse\n    configs: {{retention.msec: 1}}\n")
    refused = stack.headrace("topics", "apply", str(file))
    assert refused.returncode == 1
    assert f"{name}-bad: " in refused.stderr
    assert "retention.msec" in refused.stderr
    file.write_text(text.splitlines()[0] + f"\n  - name: {name}-good\n")
    assert answer(stack.headrace("topics", "plan", str(file)))["create"] == 1, "the good one was not made either"


def test_a_topic_is_deleted_by_name_and_comes_back(stack: Copy, file: Path, name: str, tmp_path: Path) -> None:
    write(file, name, partitions=3)
    answer(stack.headrace("topics", "apply", str(file)))
    topic, servers = f"{name}-0", {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
    produce(servers, topic, 30)
    read_with(servers, topic, 30, group=name)
    shown = stack.headrace("topics", "delete", topic)
    assert shown.returncode == 2
    assert "with --yes" in shown.stderr
    (doomed,) = json.loads(shown.stdout)
    assert (doomed["records"], doomed["groups"], doomed["snapshot"]) == (30, [f"{name} (nobody in it)"], "")
    assert doomed["bytes"] > 0
    assert doomed["newest"].startswith("20")
    (gone,) = answer(stack.headrace("topics", "delete", topic, "--yes", f"--folder={tmp_path}"))
    assert answer(stack.headrace("topics", "plan", str(file)))["create"] == 1
    assert json.loads((tmp_path / f"{gone['snapshot']}.json").read_text())["groups"] == {
        name: {"0": 10, "1": 10, "2": 10}
    }
    back = answer(stack.headrace("topics", "restore", topic))
    assert (back["create"], back["file"]) == (1, gone["snapshot"])
    assert answer(stack.headrace("topics", "plan", str(file)))["changes"] == [], "as it was"
    produce(servers, topic, 3)
    read_with(servers, topic, 3, group=name, reset="latest")  # the group goes on where the topic begins anew
    twice = stack.headrace("topics", "restore", str(tmp_path / f"{gone['snapshot']}.json"))
    assert (twice.returncode, f"there is a topic {topic}" in twice.stderr) == (2, True)


def test_what_may_not_be_deleted(stack: Copy, file: Path, name: str) -> None:
    file.write_text(f"topics:\n  - {{name: {name}-0, protected: true}}\n")
    answer(stack.headrace("topics", "apply", str(file)))
    for wanted, why in (
        (f"{name}-0", "is protected"),
        ("__consumer_offsets", "is internal"),
        ("headrace.lock", "is internal"),
        (f"{name}*", "is a pattern"),
        (f"{name}-1", "there is no topic"),
    ):
        refused = stack.headrace("topics", "delete", wanted, f"--file={file}", "--yes")
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
    assert answer(stack.headrace("topics", "plan", str(file)))["changes"] == [], "nothing was deleted"
    unknown = stack.headrace("topics", "restore", f"{name}-9")
    assert (unknown.returncode, "no snapshot" in unknown.stderr) == (2, True)


def test_topics_go_to_strimzi(stack: Copy, file: Path) -> None:
    file.write_text("topics:\n  - {name: My_Topic, partitions: 3, configs: {retention.ms: 5}, owner: me}\n")
    found = answer(stack.headrace("topics", "export", str(file), "--cluster=prod"))
    assert (found["kind"], found["apiVersion"]) == ("List", "v1")
    assert found["items"] == [
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {
                "name": "my-topic",
                "labels": {"strimzi.io/cluster": "prod"},
                "annotations": {"headrace/owner": "me"},
            },
            "spec": {"topicName": "My_Topic", "partitions": 3, "config": {"retention.ms": "5"}},
        }
    ]
    assert "kind: KafkaTopic" in stack.headrace("topics", "export", str(file), "--output=table").stdout


def produce(servers: dict[str, str], topic: str, records: int) -> None:
    producer = Producer({**servers})
    for number in range(records):
        producer.produce(topic, b"v", partition=number % 3)
    producer.flush()


def read_with(servers: dict[str, str], topic: str, count: int, *, group: str, reset: str = "earliest") -> None:
    """Read so many records with a group, commit, and leave."""
    reader = Consumer({**servers, "group.id": group, "auto.offset.reset": reset, "enable.auto.commit": False})
    reader.subscribe([topic])
    assert len(reader.consume(count, 30)) == count
    reader.commit(asynchronous=False)
    reader.close()


def test_a_saved_plan_is_done_exactly(stack: Copy, file: Path, name: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert answer(stack.headrace("topics", "plan", str(file), "-o", str(plan)))["create"] == 1
    write(file, name, topics=2, partitions=5)
    done = answer(stack.headrace("topics", "apply", str(plan)))
    assert [(each["topic"], each["settings"][0]["after"]) for each in done["changes"]] == [(f"{name}-0", "2")]
    again = answer(stack.headrace("topics", "apply", str(plan)))
    assert (again["changes"], again["applied"]) == ([], False)


def test_a_stale_plan_is_refused_and_says_why(stack: Copy, file: Path, name: str, tmp_path: Path) -> None:
    answer(stack.headrace("topics", "apply", str(file)))
    write(file, name, topics=2, configs="retention.ms: 70000")
    plan = tmp_path / "plan.json"
    pending = stack.headrace("topics", "plan", str(file), f"--save={plan}", "--fail-on-changes")
    assert pending.returncode == 3
    assert f"next: headrace topics apply {plan}" in pending.stderr
    answer(stack.headrace("topics", "apply", str(write(tmp_path / "other.yaml", name, configs="retention.ms: 80000"))))
    stale = stack.headrace("topics", "apply", str(plan))
    assert stale.returncode == 1
    assert f"topic {name}-0: retention.ms was 60000 and is 80000 now (the plan makes it 70000)" in stale.stderr
    assert answer(stack.headrace("topics", "plan", str(file)))["create"] == 1, "nothing of it was done"


def test_what_is_no_plan_is_a_usage_error(stack: Copy, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    assert "no plan" in stack.headrace("topics", "apply", str(path)).stderr
    path.write_text('{"x": 1}')
    wrong = stack.headrace("topics", "apply", str(path))
    assert (wrong.returncode, "is not a plan" in wrong.stderr) == (2, True)
    assert stack.headrace("topics", "plan", "-o", str(tmp_path / "plan.yaml")).returncode == 2


def test_more_partitions_warn_of_keys_and_groups(stack: Copy, file: Path, name: str) -> None:
    write(file, name, configs="cleanup.policy: compact")
    answer(stack.headrace("topics", "apply", str(file)))
    servers = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
    producer = Producer(servers)
    for number in range(10):
        producer.produce(f"{name}-0", b"v", key=str(number).encode())
    producer.flush()
    reader = Consumer(servers | {"group.id": name, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    reader.subscribe([f"{name}-0"])
    assert reader.consume(1, 20)
    reader.commit(asynchronous=False)
    write(file, name, partitions=4, configs="cleanup.policy: compact")
    notes = answer(stack.headrace("topics", "plan", str(file)))["changes"][0]["notes"]
    reader.close()
    assert [note.partition(" ")[0] for note in notes] == ["keyed", "compacted:", "groups"]
    assert f"{name} (1 members)" in notes[2]


def test_an_unknown_file_is_a_usage_error(stack: Copy) -> None:
    unknown = stack.headrace("topics", "apply", "messages/topic.yaml")
    assert unknown.returncode == 2
    assert "no file messages/topic.yaml" in unknown.stderr
    assert "messages/topics.yaml" in unknown.stderr


def test_a_malformed_file_is_a_usage_error(stack: Copy, file: Path) -> None:
    file.write_text("topics:\n  - name: a\n    partitons: 3\n")
    malformed = stack.headrace("topics", "apply", str(file))
    assert malformed.returncode == 2
    assert f"{file}:3: topics[0].partitons: unknown key; did you mean partitions?" in malformed.stderr


def test_a_broker_that_is_down_is_said_soon(stack: Copy, file: Path) -> None:
    down = stack.headrace("topics", "plan", str(file), KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert down.returncode == 1
    assert "Kafka at 127.0.0.1:1 cannot be used" in down.stderr
    assert "Connection refused" in down.stderr
    assert "next: make status" in down.stderr
