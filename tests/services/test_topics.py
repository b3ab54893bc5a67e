"""topics plan and apply, through the command line, on a real broker."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from tests.services.copies import ROOT, Copy


@pytest.fixture
def name(stack: Copy) -> Iterator[str]:
    """The beginning of topic names of this test alone; its topics are deleted afterwards."""
    prefix = f"test-{uuid4().hex[:8]}"
    yield prefix
    client = AdminClient({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]})
    if mine := [topic for topic in client.list_topics(timeout=10).topics if topic.startswith(prefix)]:
        for future in client.delete_topics(mine).values():
            future.result()


@pytest.fixture
def file(tmp_path: Path, name: str) -> Path:
    return write(tmp_path / "topics.yaml", name)


def write(path: Path, name: str, *, topics: int = 1, partitions: int = 2, configs: str = "retention.ms: 60000") -> Path:
    items = [f"  - {{name: {name}-{n}, partitions: {partitions}, configs: {{{configs}}}}}" for n in range(topics)]
    path.write_text("\n".join(["topics:", *items, ""]))
    return path


def answer(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def start(stack: Copy, file: Path) -> subprocess.Popen[str]:
    words = [".venv/bin/headrace", "topics", "apply", str(file)]
    environment = {"HEADRACE_STATE": str(stack.state), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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


def test_pruning_needs_a_pattern_and_a_yes(stack: Copy, file: Path, name: str) -> None:
    write(file, name, topics=2)
    answer(stack.headrace("topics", "apply", str(file)))
    write(file, name, topics=1)
    assert answer(stack.headrace("topics", "plan", str(file)))["delete"] == 0
    asked = stack.headrace("topics", "apply", str(file), f"--prune={name}*")
    assert asked.returncode == 2
    assert f"{name}-1" in asked.stderr
    assert answer(stack.headrace("topics", "apply", str(file), f"--prune={name}*", "--yes"))["delete"] == 1
    assert answer(stack.headrace("topics", "plan", str(file), f"--prune={name}*"))["delete"] == 0


def test_two_applies_at_once_agree(stack: Copy, file: Path, name: str) -> None:
    write(file, name, topics=20)
    both = [start(stack, file) for _ in range(2)]
    for each in both:
        _, story = each.communicate(timeout=60)
        assert each.returncode == 0, story
    assert answer(stack.headrace("topics", "plan", str(file)))["changes"] == []


def test_killed_in_the_middle_and_run_again(stack: Copy, file: Path, name: str) -> None:
    write(file, name, topics=50)
    killed = start(stack, file)
    assert killed.stderr
    assert f"create topic {name}" in killed.stderr.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    answer(stack.headrace("topics", "apply", str(file)))
    assert answer(stack.headrace("topics", "plan", str(file)))["changes"] == []


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
