"""health check and serve, groups lag, and the flow, on real services."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.copies import ROOT, Copy, eventually, run


@pytest.fixture
def topic(stack: Copy) -> Iterator[str]:
    """A topic of 10 records, of which a group of the same name has read 4."""
    name = f"test-{uuid4().hex[:8]}"
    servers: dict[str, Any] = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
    admin = AdminClient(servers)
    admin.create_topics([NewTopic(name, 1, config={"retention.ms": "14400000"})])[name].result()
    producer = Producer(servers)
    for number in range(10):
        producer.produce(name, b"%d" % number)
    assert producer.flush(30) == 0
    reader = Consumer({**servers, "group.id": name})
    reader.commit(offsets=[TopicPartition(name, 0, 4)], asynchronous=False)
    reader.close()
    yield name
    admin.delete_topics([name])[name].result()
    for group in (name, f"bronze-{name}"):
        admin.delete_consumer_groups([group])[group].exception()


def rows(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_lag_is_in_records_in_seconds_and_until_loss(stack: Copy, topic: str) -> None:
    [lag] = rows(stack.headrace("groups", "lag", topic, "--margin=1h"))
    assert (lag["topic"], lag["records"], lag["expired"], lag["members"]) == (topic, 6, 0, 0)
    assert 0 < lag["seconds"] < 300
    assert lag["until_loss"] == pytest.approx(14400 - lag["seconds"], abs=0.2)
    late = stack.headrace("groups", "lag", topic, "--margin=5h", "--output=json")
    assert rows(late, 4)[0]["group"] == topic
    assert f"lag of {topic} in {topic}: 6 records" in json.loads(late.stderr.splitlines()[-1])["error"]
    assert stack.headrace("groups", "lag", topic, "--margin=soon").returncode == 2


def test_how_far_a_table_is_behind_its_topic_is_seen_as_a_groups_lag(stack: Copy, topic: str) -> None:
    assert rows(stack.headrace("bronze", "load", "--topic", topic))["rows"] == 10
    [lag] = rows(stack.headrace("groups", "lag", f"bronze-{topic}"))
    assert (lag["topic"], lag["records"], lag["until_loss"]) == (topic, 0, None)
    producer = Producer({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]})
    producer.produce(topic, b"one more")
    assert producer.flush(30) == 0
    [lag] = rows(stack.headrace("groups", "lag", f"bronze-{topic}"))
    assert (lag["records"], 14000 < lag["until_loss"] <= 14400) == (1, True)


def test_records_that_were_deleted_unread_are_unhealthy(stack: Copy, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]})
    [gone] = admin.delete_records([TopicPartition(topic, 0, 7)]).values()
    gone.result()
    [lag] = rows(stack.headrace("groups", "lag", topic), 4)
    assert (lag["records"], lag["expired"]) == (3, 3)


def test_health_is_all_of_it_in_one_report(stack: Copy, topic: str) -> None:
    found = {each["check"]: each["verdict"] for each in rows(stack.headrace("health", "check"))["findings"]}
    assert (found["connect"], found[f"lag of {topic} in {topic}"]) == ("ok", "ok")
    failed = {
        each["check"]: each["verdict"] for each in rows(stack.headrace("health", "check", "--margin=5h"), 4)["findings"]
    }
    assert failed[f"lag of {topic} in {topic}"] == "fail"
    nothing = stack.headrace("health", "check", CONNECT_URL="http://127.0.0.1:9", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9")
    down = {each["check"]: each["verdict"] for each in rows(nothing, 4)["findings"]}
    assert down == {"reachable": "fail", "connect": "fail"}


def test_prometheus_is_served_until_told_to_end(stack: Copy, topic: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        taken = stack.headrace("health", "serve", f"--port={port}")
    assert taken.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in taken.stderr
    exporter = subprocess.Popen(
        [ROOT / ".venv/bin/headrace", "health", "serve", f"--port={port}", "--look-every=1"],
        env={**os.environ, "HEADRACE_STATE": str(stack.state)},
        stderr=subprocess.PIPE,
        text=True,
    )

    def metrics() -> str:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        except httpx.TransportError:
            return ""
        return answer.text if answer.status_code == 200 else ""

    try:
        text = eventually(metrics, seconds=60)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "ok\n"
    finally:
        exporter.send_signal(signal.SIGTERM)
        said = exporter.communicate(timeout=20)[1]
    assert exporter.returncode == 0, said
    assert f'headrace_group_lag_records{{group="{topic}",topic="{topic}"}} 6.0' in text
    assert 'headrace_check_verdict{check="controllers"} 0.0' in text


SCRIPT = "from flows.health import check; check(margin={margin!r}, name={name!r}, connect=False, return_state=True)"


def flow(stack: Copy, margin: str, name: str) -> str:
    """One run of the flow; its log."""
    environment = {"HEADRACE_STATE": str(stack.state), "PREFECT_API_URL": stack.env["PREFECT_API_URL"]}
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    done = run(sys.executable, "-c", SCRIPT.format(margin=margin, name=name), **environment, **quiet)
    assert "Finished in state" in done.stderr, done.stderr
    return done.stderr


def events(prefect: httpx.Client, name: str) -> list[str]:
    """What was told about one problem, oldest first."""
    wanted = {"filter": {"resource": {"id": [f"headrace.problem.{name}"]}, "order": "ASC"}, "limit": 50}
    answer = prefect.post("/events/filter", json=wanted).raise_for_status().json()
    return [each["event"].rpartition(".")[2] for each in answer["events"]]


def test_the_flow_tells_a_problem_once_and_its_end_once(stack: Copy, prefect: httpx.Client, topic: str) -> None:
    name, check = f"lag-of-{topic}-in-{topic}", f"lag of {topic} in {topic}"
    logs = [flow(stack, margin, topic) for margin in ("5h", "5h", "1h")]
    assert [f"{check}: 6 records" in log for log in logs] == [True, False, False]
    assert [f"{check}: well again" in log for log in logs] == [False, False, True]
    assert ["Failed('fail: 1 failed" in log for log in logs] == [True, True, False]
    eventually(lambda: len(events(prefect, name)) == 2)
    assert events(prefect, name) == ["appeared", "gone"]
    history = {"artifacts": {"key": {"any_": [topic]}}, "sort": "CREATED_DESC"}
    kept = prefect.post("/artifacts/filter", json=history).json()
    assert len(kept) == 3
    verdicts = [{row["check"]: row["verdict"] for row in json.loads(each["data"])}[check] for each in kept]
    assert verdicts == ["ok", "fail", "fail"]


def test_the_flow_is_scheduled_every_five_minutes(prefect: httpx.Client) -> None:
    def deployment() -> dict[str, Any]:
        asked = prefect.get("/deployments/name/health/local")
        return asked.json() if asked.status_code == 200 else {}

    found = eventually(deployment, seconds=60)
    assert [each["schedule"]["cron"] for each in found["schedules"]] == ["*/5 * * * *"]
    assert found["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
