"""connectors status, restart and export, through the command line, on a real worker."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.services.connector import FILE_SOURCE, SECRET, Bench, Config, answer, sink
from tests.services.copies import Copy, eventually

CAMEL_SINK = "org.apache.camel.kafkaconnector.CamelSinkConnector"
SQS = "aws2-sqs:nowhere?region=us-east-1&overrideEndpoint=true&uriEndpointOverride="


@pytest.fixture
def bench(stack: Copy, tmp_path: Path) -> Iterator[Bench]:
    with Bench.made(stack, tmp_path) as mine:
        yield mine


def sqs(bench: Bench, url: str, **more: object) -> Config:
    return sink(bench, **{"connector.class": CAMEL_SINK, "camel.sink.url": SQS + url, "file": None, **more})


@pytest.mark.parametrize(
    "problem, permanent, config",
    [
        ("network", False, lambda bench: sqs(bench, "http://127.0.0.1:9&accessKey=a&secretKey=b")),
        ("class", True, lambda bench: sqs(bench, "", **{"camel.sink.url": "nosuch:thing"})),
        (
            "schema",
            True,
            lambda bench: sink(bench, **{"value.converter": "org.apache.kafka.connect.json.JsonConverter"}),
        ),
        (
            "auth",
            True,
            lambda bench: sink(
                bench,
                **{
                    "consumer.override.security.protocol": "SASL_PLAINTEXT",
                    "consumer.override.sasl.mechanism": "PLAIN",
                    "consumer.override.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule"
                    f' required username="me" password="{SECRET}";',
                },
            ),
        ),
    ],
)
def test_each_class_of_failure_ends_in_the_right_state_within_one_poll(
    bench: Bench, problem: str, permanent: bool, config: Callable[[Bench], Config]
) -> None:
    bench.topic(b"this is {no json", b"nor this")
    bench.create({key: value for key, value in config(bench).items() if value is not None})
    eventually(bench.state("FAILED"), seconds=90)

    shown = bench.headrace("status", bench.name, "--output=json")
    [state] = answer(shown, 4)
    assert (state["state"], state["problem"], state["permanent"]) == ("FAILED", problem, permanent), state
    assert state["since"].startswith("20")
    assert state["cause"]
    said = json.loads(shown.stderr.splitlines()[-1])
    assert (said["status"], said["hint"]) == (4, state["mend"])

    first = bench.headrace("restart", bench.name)
    if permanent:
        [tried] = answer(first, 4)
        assert (tried["action"], tried["restarts"]) == ("given up", 0)
        assert f"a restart cannot mend {bench.name}: {problem}" in first.stderr
        return
    assert [each["action"] for each in answer(first)] == ["restarted"]
    eventually(lambda: marks(bench).count("FAILED") > 1 and bench.state("FAILED")(), seconds=60)
    [tried] = answer(bench.headrace("restart", bench.name))
    assert (tried["action"], tried["restarts"]) == ("waits", 1)
    assert [each["action"] for each in answer(bench.headrace("restart", bench.name, "--now"))] == ["restarted"]
    given_up = bench.headrace("restart", bench.name, "--tries=1")
    assert given_up.returncode in (0, 4)  # 0 when it has not failed again yet


def marks(bench: Bench) -> list[str]:
    """The states that task 0 was in, as Connect's own topic has them."""
    reader = Consumer({**bench.kafka, "group.id": "test", "enable.partition.eof": True})
    topic = bench.stack.env["CONNECT_STATUS_TOPIC"]
    reader.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in range(3)])
    states: list[str] = []
    ended = 0
    while ended < 3:
        record = reader.poll(1)
        if record and record.error():
            ended += 1
        elif record and (record.key() or b"").decode() == f"status-task-{bench.name}-0":
            states.append(json.loads(record.value() or b'{"state": ""}')["state"])
    reader.close()
    return states


def test_without_the_status_topic_it_says_that_since_when_is_not_known(bench: Bench) -> None:
    bench.create({"connector.class": FILE_SOURCE, "tasks.max": 1, "topic": bench.name, "file": "/dev/null"})
    eventually(bench.state("RUNNING"))
    [state] = answer(bench.headrace("status", bench.name, CONNECT_STATUS_TOPIC=""))
    assert state["since"] == "Connect does not say (CONNECT_STATUS_TOPIC is not set)"
    wrong = bench.headrace("status", bench.name, CONNECT_STATUS_TOPIC="not-there")
    assert answer(wrong)[0]["state"] == "RUNNING"
    assert "since when is not known: there is no topic not-there" in wrong.stderr


def test_running_paused_and_stopped_are_declared(bench: Bench) -> None:
    config: Config = {"connector.class": FILE_SOURCE, "tasks.max": 1, "topic": bench.name, "file": "/dev/null"}
    made = answer(bench.headrace("apply", bench.file(config, "stopped")))["changes"]
    assert made[0]["state"] == {"name": "(state)", "before": None, "after": "STOPPED"}
    assert bench.rest.get(f"/connectors/{bench.name}/status").json()["tasks"] == []
    for state in ("paused", "running"):
        changed = answer(bench.headrace("apply", bench.file(config, state)))
        assert (changed["change"], changed["changes"][0]["settings"]) == (1, [])
        assert answer(bench.headrace("plan", bench.file(config, state), "--fail-on-changes"))["changes"] == []
        assert answer(bench.headrace("status", bench.name))[0]["state"] == state.upper()


def test_export_is_what_kubectl_reads(stack: Copy) -> None:
    made = answer(stack.headrace("connectors", "export", "--cluster=mine"))
    assert (made["kind"], [each["kind"] for each in made["items"]]) == ("List", ["KafkaConnector"] * 2)
    shown = stack.headrace("connectors", "export", "--output=table")
    assert shown.stdout.startswith("---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaConnector\n")
