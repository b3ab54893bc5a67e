"""A topic and a connector of one test, made and looked at as a person does it."""

import json
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.copies import Copy

SECRET = "hunter2-in-a-test"
FILE_SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
CAMEL_SOURCE = "org.apache.camel.kafkaconnector.CamelSourceConnector"
Config = dict[str, object]


class Bench:
    """A topic and a connector of one test alone."""

    def __init__(self, stack: Copy, folder: Path) -> None:
        self.stack, self.folder, self.name = stack, folder, f"test-{uuid4().hex[:8]}"
        self.rest = httpx.Client(base_url=stack.env["CONNECT_URL"], timeout=60)
        self.kafka: dict[str, Any] = {"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]}
        self.admin = AdminClient(self.kafka)

    @classmethod
    @contextmanager
    def made(cls, stack: Copy, folder: Path) -> Generator["Bench"]:
        """One whose connector, topic and group are gone afterwards."""
        mine = cls(stack, folder)
        yield mine
        mine.rest.delete(f"/connectors/{mine.name}")
        mine.rest.close()
        mine.admin.delete_topics([mine.name])[mine.name].exception()
        group = f"connect-{mine.name}"
        mine.admin.delete_consumer_groups([group])[group].exception()

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


def sink(bench: Bench, **more: object) -> Config:
    converter = "org.apache.kafka.connect.storage.StringConverter"
    where = {"topics": bench.name, "file": str(bench.folder / "out"), "tasks.max": 1, "value.converter": converter}
    return {"connector.class": FILE_SINK, **where, **more}
