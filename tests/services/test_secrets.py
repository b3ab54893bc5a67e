"""A secret that is put into any input is in no output, log, plan or traceback."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from stack.layout import TOKEN
from tests.services.copies import Copy, eventually

SECRET = "hunter2-canary-5f1e"
SINK = "org.apache.camel.kafkaconnector.CamelSinkConnector"
FILE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
JAAS = f'org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="{SECRET}";'
SQS = "aws2-sqs:q?region=us-east-1"

CONFIGS = {
    "a key": {"connector.class": FILE, "topic": "t", "file": "/dev/null", "database.password": SECRET},
    "a client": {
        "connector.class": FILE,
        "topic": "t",
        "file": "/dev/null",
        "producer.override.sasl.jaas.config": JAAS,
    },
    "a URL": {"connector.class": FILE, "topic": "t", "file": f"http://me:{SECRET}@host/x"},
    "Camel's URL": {"connector.class": SINK, "topics": "t", "camel.sink.url": f"{SQS}&accessKey=a&secretKey={SECRET}"},
    "a reference and more": {"connector.class": FILE, "topic": "t", "file": "x", "api.token": f"${{env:X}}{SECRET}"},
}

ENVIRONMENT = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "me",
    "KAFKA_SASL_PASSWORD": SECRET,
    "LOG_LEVEL": "DEBUG",
}


def leaks(done: subprocess.CompletedProcess[str]) -> bool:
    return any(each in done.stdout + done.stderr for each in (SECRET, TOKEN))


@pytest.mark.parametrize("output", ["json", "table"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_secret_in_a_file_is_refused_and_never_shown(
    stack: Copy, tmp_path: Path, config: dict[str, str], output: str
) -> None:
    file = tmp_path / "connectors.yaml"
    file.write_text(json.dumps({"connectors": [{"name": "leaky", "config": config}]}, indent=1))
    done = stack.headrace("connectors", "plan", str(file), f"--output={output}", LOG_LEVEL="DEBUG")
    assert (done.returncode, leaks(done)) == (2, False)
    assert "is written out" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("cluster", "check"),
        ("topics", "plan"),
        ("groups", "lag"),
        ("health", "check"),
        ("connectors", "status"),
        ("connectors", "restart"),
        ("dlq", "list", "--topic=x"),
    ],
    ids=" ".join,
)
def test_a_secret_in_the_environment_is_never_shown(stack: Copy, words: tuple[str, ...]) -> None:
    """With a password that this broker refuses, so that every command fails or warns."""
    done = stack.headrace(*words, "--output=json", **ENVIRONMENT)
    assert done.returncode in (0, 1, 4)
    assert not leaks(done)


@pytest.fixture
def in_force(stack: Copy) -> Iterator[str]:
    """A connector that was made past us, with its secret written out; it fails and says so."""
    name = f"leaky-{uuid4().hex[:6]}"
    url = f"{stack.env['CONNECT_URL']}/connectors/{name}"
    config = {"connector.class": SINK, "topics": "headrace.canary", "camel.sink.url": f"nosuch:x?password={SECRET}"}
    assert stack.headrace("cluster", "check", "--canary=5").returncode == 0
    httpx.put(f"{url}/config", json=config, timeout=60).raise_for_status()
    yield name
    httpx.delete(url, timeout=60)


def test_a_secret_that_is_in_force_is_hidden_in_plan_status_and_health(
    stack: Copy, tmp_path: Path, in_force: str
) -> None:
    file = tmp_path / "connectors.yaml"
    clean = {"connector.class": SINK, "topics": "headrace.canary", "camel.sink.url": "log:x"}
    file.write_text(json.dumps({"connectors": [{"name": in_force, "config": clean}]}))
    planned = stack.headrace("connectors", "plan", str(file), LOG_LEVEL="DEBUG")
    assert (planned.returncode, leaks(planned)) == (0, False)
    assert "(hidden)" in planned.stdout

    def failed() -> bool:
        return stack.headrace("connectors", "status", in_force).returncode == 4

    eventually(failed, seconds=60)
    for words in (("connectors", "status"), ("connectors", "restart"), ("health", "check")):
        assert not leaks(stack.headrace(*words, LOG_LEVEL="DEBUG"))


def test_the_worker_does_not_log_what_it_resolves(stack: Copy) -> None:
    """Camel's connectors print all of their settings when a task starts."""
    logs = stack.state / "logs"
    sizes = {log: log.stat().st_size for log in logs.iterdir()}
    name = f"quiet-{uuid4().hex[:6]}"
    url = f"{stack.env['CONNECT_URL']}/connectors/{name}"
    config = {
        "connector.class": "org.apache.camel.kafkaconnector.CamelSourceConnector",
        "topics": "headrace.canary",
        "camel.source.url": "telegram:bots?authorizationToken=${env:TELEGRAM_TOKEN}&baseUri=http://127.0.0.1:9",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    }
    httpx.put(f"{url}/config", json=config, timeout=60).raise_for_status()

    def running() -> bool:
        tasks = httpx.get(f"{url}/status").json().get("tasks", [])
        return bool(tasks) and tasks[0]["state"] == "RUNNING"

    eventually(running, seconds=60)
    httpx.delete(url, timeout=60)
    for log in logs.iterdir():
        since = sizes.get(log, 0) if log.stat().st_size >= sizes.get(log, 0) else 0  # it may have been rotated
        assert TOKEN.encode() not in log.read_bytes()[since:], log
