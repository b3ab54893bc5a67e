"""connectors plan, apply and status, through the command line, on a real worker."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.services.copies import Copy


@pytest.fixture
def name(stack: Copy) -> Iterator[str]:
    """The name of a connector of this test alone, which is deleted afterwards."""
    mine = f"test-{uuid4().hex[:8]}"
    yield mine
    httpx.delete(f"{stack.env['CONNECT_URL']}/connectors/{mine}", timeout=60)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "connectors.yaml"


def write(path: Path, name: str, **settings: object) -> None:
    config: dict[str, object] = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "tasks.max": 1,
        "topic": name,
        "file": "/dev/null",
    }
    config |= {key.replace("__", "."): value for key, value in settings.items()}
    kept = {key: value for key, value in config.items() if value is not None}
    path.write_text(json.dumps({"connectors": [{"name": name, "config": kept}]}, indent=1))


def answer(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_plan_apply_plan(stack: Copy, file: Path, name: str) -> None:
    write(file, name)
    assert answer(stack.headrace("connectors", "plan", str(file), "--fail-on-changes"), 3)["create"] == 1
    assert answer(stack.headrace("connectors", "apply", str(file), "--dry-run"))["applied"] is False
    assert answer(stack.headrace("connectors", "apply", str(file)))["create"] == 1
    assert answer(stack.headrace("connectors", "plan", str(file), "--fail-on-changes"))["changes"] == []
    state = answer(stack.headrace("connectors", "status", name))[0]
    assert (state["state"], state["tasks"]) == ("RUNNING", "1/1")
    write(file, name, batch__size=7)
    changed = answer(stack.headrace("connectors", "apply", str(file)))["changes"][0]
    assert changed["settings"] == [{"name": "batch.size", "before": None, "after": "7"}]
    assert answer(stack.headrace("connectors", "apply", str(file)))["changes"] == []


def test_a_class_that_is_not_installed_is_named_with_those_like_it(stack: Copy, file: Path, name: str) -> None:
    write(file, name, connector__class="org.apache.kafka.connect.file.FileStreamSourceConector")
    missing = stack.headrace("connectors", "apply", str(file))
    assert missing.returncode == 1
    assert f"connectors.yaml:6: {name}: org.apache.kafka.connect.file.FileStreamSourceConector is not" in missing.stderr
    assert "org.apache.kafka.connect.file.FileStreamSourceConnector" in missing.stderr
    assert "next: correct connector.class" in missing.stderr


def test_each_wrong_field_is_named_with_its_reason(stack: Copy, file: Path, name: str) -> None:
    write(file, name, topic=None, tasks__max=0, key__converter="a.b.Missing", errors__tolerance="some")
    wrong = stack.headrace("connectors", "plan", str(file))
    assert wrong.returncode == 1
    for said in (
        "tasks.max: Invalid value 0",
        "key.converter: Invalid value a.b.Missing",
        "topic: ",
        "errors.tolerance: ",
    ):
        assert f"{name}: {said}" in wrong.stderr


def test_a_secret_is_refused_and_never_printed(stack: Copy, file: Path, name: str) -> None:
    write(file, name, database__password="hunter2")
    refused = stack.headrace("connectors", "apply", str(file), "--output", "json")
    assert refused.returncode == 2
    assert "database.password" in refused.stderr
    assert "hunter2" not in refused.stderr + refused.stdout


def test_a_reference_that_the_worker_cannot_resolve_is_named(stack: Copy, file: Path, name: str) -> None:
    write(file, name, file="${env:NOT_THERE}")
    refused = stack.headrace("connectors", "apply", str(file))
    assert refused.returncode == 1
    assert "file: the worker cannot resolve ${env:NOT_THERE}" in refused.stderr


def test_a_task_that_fails_is_said_with_its_root_cause(stack: Copy, file: Path, name: str) -> None:
    camel = {
        "connector__class": "org.apache.camel.kafkaconnector.CamelSourceConnector",
        "camel__source__url": "nosuch:thing",
    }
    write(file, name, **camel, topics=name, topic=None, file=None)
    failed = stack.headrace("connectors", "apply", str(file))
    assert failed.returncode == 1
    assert f"connector {name} is FAILED (0/1 tasks run)" in failed.stderr
    assert "nosuch" in failed.stderr
    assert answer(stack.headrace("connectors", "status", name), 4)[0]["state"] == "FAILED"


def test_status_of_what_is_not_there_is_unhealthy(stack: Copy, name: str) -> None:
    assert answer(stack.headrace("connectors", "status", name), 4)[0]["state"] == "MISSING"


def test_connect_that_is_down_is_said_soon(stack: Copy, file: Path, name: str) -> None:
    write(file, name)
    down = stack.headrace("connectors", "apply", str(file), CONNECT_URL="http://127.0.0.1:1")
    assert down.returncode == 1
    assert "Kafka Connect at http://127.0.0.1:1 cannot be reached" in down.stderr
    assert "next: make status" in down.stderr


def test_malformed_yaml_is_a_usage_error(stack: Copy, file: Path) -> None:
    file.write_text("connectors:\n  - name: [\n")
    malformed = stack.headrace("connectors", "plan", str(file))
    assert malformed.returncode == 2
    assert f"{file}:3: not YAML" in malformed.stderr
