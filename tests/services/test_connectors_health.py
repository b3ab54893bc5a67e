"""connectors status, restart, offsets and export, through the command line, on a real worker."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stack.layout import TOKEN
from tests.services.copies import Copy, eventually
from tests.services.test_telegram import Bot

SECRET = "hunter2-in-a-test"
FILE_SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
CAMEL_SINK = "org.apache.camel.kafkaconnector.CamelSinkConnector"
CAMEL_SOURCE = "org.apache.camel.kafkaconnector.CamelSourceConnector"
SQS = "aws2-sqs:nowhere?region=us-east-1&overrideEndpoint=true&uriEndpointOverride="

Config = dict[str, object]


class Bench:
    """A topic and a connector of one test alone."""

    def __init__(self, stack: Copy, folder: Path) -> None:
        self.stack, self.folder, self.name = stack, folder, f"test-{uuid4().hex[:8]}"
        self.rest = httpx.Client(base_url=stack.env["CONNECT_URL"], timeout=60)
        self.kafka: dict[str, Any] = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
        self.admin = AdminClient(self.kafka)

    def topic(self, *values: bytes) -> str:
        self.admin.create_topics([NewTopic(self.name, 2)])[self.name].result()
        producer = Producer(self.kafka)
        for number, value in enumerate(values):
            producer.produce(self.name, value, partition=number % 2)
        assert producer.flush(30) == 0
        return self.name

    def file(self, config: Config, state: str = "running") -> str:
        path = self.folder / "connectors.yaml"
        path.write_text(json.dumps({"connectors": [{"name": self.name, "state": state, "config": config}]}))
        return str(path)

    def create(self, config: Config) -> None:
        self.rest.put(f"/connectors/{self.name}/config", json=config).raise_for_status()

    def state(self, state: str) -> Callable[[], bool]:
        def holds() -> bool:
            status = self.status()
            return state in [
                part["state"] for part in [*status.get("tasks", []), status.get("connector", {"state": ""})]
            ]

        return holds

    def status(self) -> dict[str, Any]:
        return self.rest.get(f"/connectors/{self.name}/status").json()

    def headrace(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.stack.headrace("connectors", *words, **environment)


def answer(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def bench(stack: Copy, tmp_path: Path) -> Iterator[Bench]:
    mine = Bench(stack, tmp_path)
    yield mine
    mine.rest.delete(f"/connectors/{mine.name}")
    mine.rest.close()
    mine.admin.delete_topics([mine.name])[mine.name].exception()
    group = f"connect-{mine.name}"
    mine.admin.delete_consumer_groups([group])[group].exception()


def sink(bench: Bench, **more: object) -> Config:
    converter = "org.apache.kafka.connect.storage.StringConverter"
    where = {"topics": bench.name, "file": str(bench.folder / "out"), "tasks.max": 1, "value.converter": converter}
    return {"connector.class": FILE_SINK, **where, **more}


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


def test_offsets_are_moved_after_a_preview_that_counts(bench: Bench) -> None:
    bench.topic(*[b"%d" % n for n in range(20)])
    bench.create(sink(bench))
    out = bench.folder / "out"
    lines = lambda: out.read_text().splitlines() if out.exists() else []  # noqa: E731
    eventually(lambda: len(lines()) == 20)

    def behind() -> int:
        listed = answer(bench.headrace("offsets", "list", bench.name))
        return sum(each["end"] - (each["now"] or 0) for each in listed["partitions"])

    eventually(lambda: behind() == 0)
    preview = answer(bench.headrace("offsets", "alter", bench.name, "--to=0:4,1:10", "--dry-run"))
    assert (preview["replayed"], preview["skipped"], preview["applied"]) == (6, 0, False)
    alone = bench.headrace("offsets", "alter", bench.name, "--to=0:4,1:10")
    assert alone.returncode == 2
    assert "would replay 6 and skip 0 records: nobody can be asked here" in alone.stderr
    assert "--yes" in alone.stderr
    moved = answer(bench.headrace("offsets", "alter", bench.name, "--to=0:4,1:10", "--yes"))
    assert (moved["replayed"], moved["applied"]) == (6, True)
    eventually(lambda: len(lines()) == 26)
    assert [int(each) for each in lines()[20:]] == [8, 10, 12, 14, 16, 18]

    eventually(lambda: behind() == 0)
    again = answer(bench.headrace("offsets", "reset", bench.name, "--yes"))
    assert again["replayed"] == 20
    eventually(lambda: len(lines()) == 46)
    assert answer(bench.headrace("status", bench.name))[0]["state"] == "RUNNING"

    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    past = answer(bench.headrace("offsets", "alter", bench.name, f"--to={soon}", "--dry-run"))
    assert {each["then"] for each in past["partitions"]} == {10}
    outside = bench.headrace("offsets", "alter", bench.name, "--to=11", "--dry-run")
    assert outside.returncode == 2
    assert "has the offsets 0 to 10, and 11 is none of them" in outside.stderr


def test_a_source_is_moved_by_its_own_words(bench: Bench) -> None:
    source = bench.folder / "in"
    source.write_text("one\ntwo\n")
    bench.topic()
    bench.create({"connector.class": FILE_SOURCE, "tasks.max": 1, "topic": bench.name, "file": str(source)})
    listed = lambda: answer(bench.headrace("offsets", "list", bench.name))["partitions"]  # noqa: E731
    eventually(listed)
    assert listed()[0]["now"] == {"position": 8}
    refused = bench.headrace("offsets", "alter", bench.name, "--to=earliest", "--yes")
    assert refused.returncode == 2
    assert "is a source" in refused.stderr
    moved = answer(bench.headrace("offsets", "alter", bench.name, '--to={"position": 4}', "--yes"))
    assert "Connect can't say" in moved["note"]

    def held() -> int:
        reader = Consumer({**bench.kafka, "group.id": "test"})
        ends = [reader.get_watermark_offsets(TopicPartition(bench.name, each), timeout=10)[1] for each in (0, 1)]
        reader.close()
        return sum(ends)

    eventually(lambda: held() == 3)


def test_a_token_that_telegram_refuses_is_a_failure_though_connect_shows_running(bench: Bench) -> None:
    env = bench.stack.env
    url = f"telegram:bots?authorizationToken=1:{SECRET}&baseUri={env['TELEGRAM_BASE_URI']}"
    converter = "org.apache.kafka.connect.converters.ByteArrayConverter"
    bench.create(
        {
            "connector.class": CAMEL_SOURCE,
            "tasks.max": 1,
            "topics": bench.topic(),
            "camel.source.url": url,
            "value.converter": converter,
        }
    )
    eventually(lambda: "RUNNING" in [each["state"] for each in bench.status().get("tasks", [])])
    refused = bench.headrace("status", bench.name, LOG_LEVEL="DEBUG")
    [state] = answer(refused, 4)
    assert (state["state"], state["problem"], state["permanent"]) == ("FAILED", "auth", True)
    assert state["cause"] == "401 Unauthorized: Telegram refuses the token"
    assert SECRET not in refused.stdout + refused.stderr


def telegram(base: str) -> Config:
    return {
        "connector.class": CAMEL_SOURCE,
        "tasks.max": 1,
        "topics": "messages",
        "camel.source.url": f"telegram:bots?authorizationToken=${{env:TELEGRAM_TOKEN}}&baseUri={base}",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    }


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    """A stand-in of this test alone: what is read from it is missed by nobody."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ours = {"HEADRACE_STATE": str(tmp_path), "HEADRACE_DATA": str(tmp_path), "HEADRACE_TELEGRAM_PORT": str(port)}
    with Bot(port, {**os.environ, **ours, "TELEGRAM_TOKEN": TOKEN}).running() as bot:
        yield bot


def test_a_second_poller_in_connect_is_refused(bench: Bench, bot: Bot) -> None:
    other = {"name": f"other-{bench.name}", "config": telegram(bot.url), "initial_state": "STOPPED"}
    bench.rest.post("/connectors", json=other).raise_for_status()
    try:
        refused = bench.headrace("plan", bench.file(telegram(bot.url)))
    finally:
        bench.rest.delete(f"/connectors/other-{bench.name}").raise_for_status()
    assert refused.returncode == 1
    assert (
        f"other-{bench.name} polls with the same token, and Telegram answers 409 to a second poller" in refused.stderr
    )


def test_a_second_poller_that_connect_does_not_know_is_refused_before_anything_is_made(bench: Bench, bot: Bot) -> None:
    last = bot.ids(offset=-1)[-1] + 1
    script = f"while curl -s -m 60 '{bot.url}/bot{TOKEN}/getUpdates?timeout=30&offset={last}'; do sleep 0.3; done"
    poller = subprocess.Popen(["sh", "-c", script], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        conflict = bench.headrace("apply", bench.file(telegram(bot.url)), "--output=json")
    finally:
        os.killpg(poller.pid, signal.SIGTERM)
        poller.wait()
    assert conflict.returncode == 1
    said = json.loads(conflict.stderr.splitlines()[-1])
    assert "something else polls with its token: 409 Conflict: terminated by other getUpdates" in said["error"]
    assert "stop the other poller" in said["hint"]
    assert bench.rest.get(f"/connectors/{bench.name}").status_code == 404
    assert TOKEN not in conflict.stdout + conflict.stderr


def test_export_is_what_kubectl_reads(stack: Copy) -> None:
    made = answer(stack.headrace("connectors", "export", "--cluster=mine"))
    assert (made["kind"], [each["kind"] for each in made["items"]]) == ("List", ["KafkaConnector"] * 2)
    shown = stack.headrace("connectors", "export", "--output=table")
    assert shown.stdout.startswith("---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaConnector\n")
