"""The stack through its own door: make up, down, status, and headrace doctor."""

import json
import os
import signal
import socket
import subprocess
import uuid
from pathlib import Path

import boto3
import httpx
import psutil
import pytest
import yaml
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stack import documents, processes
from stack.layout import Layout
from tests.services.copies import ROOT, Copy, eventually, run

SERVICES = {"connect", "elasticmq", "kafka-1", "prefect", "spark", "telegram"}


def supervisor_of(copy: Copy) -> psutil.Process:
    return psutil.Process(int((copy.state / "supervisord.pid").read_text()))


def test_status_shows_every_service(stack: Copy) -> None:
    said = stack.make("status")
    assert said.returncode == 0, said.stdout + said.stderr
    assert set(stack.pids()) >= SERVICES
    assert "MiB" in said.stdout


def test_a_second_up_changes_nothing(stack: Copy) -> None:
    before, env = stack.pids(), stack.env
    again = stack.make("up")
    assert again.returncode == 0, again.stderr
    assert "was up already" in again.stderr
    assert (stack.pids(), stack.env) == (before, env)


def test_other_ports_are_refused_for_a_state_that_has_some(stack: Copy) -> None:
    said = stack.make("up", PORTS=22000)
    assert said.returncode != 0
    assert f"was made with PORTS={json.loads((stack.state / 'stack.json').read_text())['ports']}" in said.stderr
    assert stack.make("status").returncode == 0


def test_a_taken_port_is_named_with_who_holds_it(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "state", 23000)
    with socket.create_server(("127.0.0.1", 23083)):
        said = copy.make("up")
    assert said.returncode != 0
    for part in ("port 23083 for connect", f"pid {os.getpid()}", "make up PORTS=31000", "nothing was started"):
        assert part in said.stderr
    assert not (copy.state / "supervisord.pid").exists()


@pytest.mark.parametrize("wrong", [{"nodes": "2"}, {"ports": "80"}, {"ports": "70000"}])
def test_wrong_variables_are_usage_errors(tmp_path: Path, wrong: dict[str, str]) -> None:
    words = [f"--{name}={value}" for name, value in wrong.items()]
    said = run(".venv/bin/python", "-m", "stack", "up", f"--state={tmp_path}", *words)
    assert said.returncode == 2
    assert "next: make up" in said.stderr


def test_down_and_status_of_nothing(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "none", 23000)
    assert copy.make("down").returncode == 0
    said = run(".venv/bin/python", "-m", "stack", "status", f"--state={copy.state}")
    assert (said.returncode, "next: make up" in said.stderr) == (4, True)


def test_what_was_kept_survives_a_killed_supervisor(stack: Copy) -> None:
    """The state is stale: its services run on without their supervisor. `up` ends them and starts anew."""
    name, env = f"kept-{uuid.uuid4().hex[:8]}", stack.env
    admin = AdminClient({"bootstrap.servers": env["KAFKA_BOOTSTRAP_SERVERS"]})
    for created in admin.create_topics([NewTopic(name, 1, 1)]).values():
        created.result()
    sqs = boto3.client(
        "sqs",
        endpoint_url=env["AWS_ENDPOINT_URL_SQS"],
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    orphans = stack.pids()
    supervisor = supervisor_of(stack)
    supervisor.send_signal(signal.SIGKILL)
    eventually(lambda: not supervisor.is_running() or supervisor.status() == psutil.STATUS_ZOMBIE)

    said = stack.make("up")

    assert said.returncode == 0, said.stderr
    assert "outlived their supervisor" in said.stderr
    assert not set(orphans.values()) & set(stack.pids().values())
    assert name in admin.list_topics(timeout=10).topics
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0].get("Body") == "kept"
    sqs.delete_queue(QueueUrl=queue)


def test_connect_knows_camel_and_the_environment(stack: Copy) -> None:
    plugins = httpx.get(f"{stack.env['CONNECT_URL']}/connector-plugins", timeout=30).json()
    classes = {plugin["class"].rpartition(".")[2] for plugin in plugins}
    assert {"CamelSourceConnector", "CamelSinkConnector"} <= classes


def test_three_nodes_and_nothing_is_left(tmp_path: Path) -> None:
    copy = Copy(tmp_path, 25000, nodes=3)
    try:
        began = copy.make("up", WITH="documents")
        assert began.returncode == 0, began.stderr
        admin = AdminClient({"bootstrap.servers": copy.env["KAFKA_BOOTSTRAP_SERVERS"]})
        assert len(admin.list_topics(timeout=10).brokers) == 3
        family = [supervisor_of(copy), *supervisor_of(copy).children(recursive=True)]
        assert len(family) >= 11
    finally:
        ended = copy.make("down")
    assert ended.returncode == 0, ended.stderr
    assert [process for process in family if process.is_running()] == []
    ports = set(Layout(tmp_path, 25000, 3).ports.values())
    assert not ports & set(processes.listeners())
    assert not (tmp_path / "stack.env").exists()


def test_doctor_finds_this_machine_well(stack: Copy) -> None:
    said = stack.headrace("doctor", "--output", "json")
    assert said.returncode == 0, said.stderr
    assert {"java", "ports", "memory", "jars", "pyspark"} <= {row["what"] for row in json.loads(said.stdout)}


def test_doctor_names_the_command_that_mends(stack: Copy, tmp_path: Path) -> None:
    said = stack.headrace("doctor", "--output", "json", JAVA_HOME=str(tmp_path))
    assert said.returncode == 4
    [row] = [row for row in json.loads(said.stdout) if not row["ok"]]
    assert (row["what"], "apt-get install" in row["mend"]) == ("java", True)


def test_compose_has_the_same_stack() -> None:
    file = ROOT / "stack/compose.yaml"
    services = yaml.safe_load(file.read_text())["services"]
    beside = {name for name, service in services.items() if "profiles" in service}
    assert set(services) - beside == {name.removesuffix("-1") for name in SERVICES}
    assert beside >= set(documents.VARIABLES)
    locked = (ROOT / "requirements.lock").read_text()
    for service in services.values():
        assert ":" in service["image"]
        assert not service["image"].endswith(":latest")
        assert "healthcheck" in service
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    for pin in [word for word in services["telegram"]["command"][2].split() if "==" in word]:
        assert f"\n{pin} " in locked


def test_docker_accepts_the_compose_file(tmp_path: Path) -> None:
    words = ("docker", "compose")
    try:
        here = subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        here = False
    if not here:
        pytest.skip("docker has no compose plugin here; test_compose_has_the_same_stack reads the file without it")
    said = run(
        *words, "-f", "stack/compose.yaml", "config", "--quiet", HEADRACE_JARS="/jars", HEADRACE_STATE=str(tmp_path)
    )
    assert said.returncode == 0, said.stderr
