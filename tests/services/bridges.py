"""Bridges that tests start, and what a client of any bridge does."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx

from tests.services.copies import ROOT, Copy, eventually

PLAIN = "application/vnd.kafka.v2+json"
JSON, BINARY, TEXT = (f"application/vnd.kafka.{name}.v2+json" for name in ("json", "binary", "text"))


@dataclass(frozen=True)
class Client:
    """A client of a bridge, at whatever address."""

    http: httpx.Client

    def topic(self, name: str, partitions: int = 1) -> str:
        """Make a topic, and wait until it can be described."""
        said = {"topic_name": name, "partitions_count": partitions, "replication_factor": 1}
        assert self.post("/admin/topics", said).status_code == 201
        eventually(lambda: self.http.get(f"/topics/{name}").status_code == 200)
        return name

    def post(self, path: str, said: object, kind: str = PLAIN, **headers: str) -> httpx.Response:
        """Post a body as JSON."""
        return self.http.post(path, content=json.dumps(said), headers={"content-type": kind, **headers})

    def send(self, topic: str, *values: Any, kind: str = JSON) -> list[dict[str, Any]]:
        """Send values to partition 0; what became of them."""
        records = [{"value": each, "partition": 0} for each in values]
        said = self.post(f"/topics/{topic}", {"records": records}, kind)
        assert said.status_code == 200, said.text
        return said.json()["offsets"]

    def consumer(self, group: str = "", **settings: Any) -> "Reader":
        """Make a consumer that reads from the first record, unless it is said otherwise."""
        group = group or f"group-{uuid4().hex[:8]}"
        said = {"format": "json", "auto.offset.reset": "earliest", "enable.auto.commit": False, **settings}
        made = self.post(f"/consumers/{group}", said)
        assert made.status_code == 200, made.text
        name = made.json()["instance_id"]
        return Reader(
            self, group, f"/consumers/{group}/instances/{name}", f"application/vnd.kafka.{said['format']}.v2+json"
        )


@dataclass(frozen=True)
class Reader:
    """A consumer of a bridge."""

    client: Client
    group: str
    path: str
    accept: str

    def post(self, what: str, said: object, status: int = 204) -> httpx.Response:
        """Ask it for something."""
        done = self.client.post(f"{self.path}/{what}", said)
        assert done.status_code == status, done.text
        return done

    def assign(self, topic: str, *partitions: int) -> "Reader":
        """Let it read partitions; without any, the first."""
        self.post("assignments", {"partitions": [{"topic": topic, "partition": each} for each in partitions or (0,)]})
        return self

    def poll(self, timeout: int = 1000, accept: str = "", **query: Any) -> httpx.Response:
        """One request for records."""
        headers = {"accept": accept or self.accept}
        return self.client.http.get(f"{self.path}/records", params={"timeout": timeout, **query}, headers=headers)

    def read(self, count: int) -> list[dict[str, Any]]:
        """As many records, in however many requests."""
        found: list[dict[str, Any]] = []
        until = monotonic() + 40
        while len(found) < count:
            said = self.poll()
            assert said.status_code == 200, said.text
            found += said.json()
            assert monotonic() < until, f"only {found}"
        return found

    def delete(self) -> httpx.Response:
        """Delete it."""
        return self.client.http.delete(self.path)


@contextmanager
def client(url: str, key: str = "") -> Generator[Client]:
    """A client of the bridge at an address."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        yield Client(http)


@dataclass
class Serving:
    """A bridge of the tests' own: its process, its address, and what it says on stderr, as far as it was read."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(40)


@contextmanager
def serving(stack: Copy, folder: Path, options: Sequence[str] = (), **environment: str) -> Generator[Serving]:
    """A bridge on a free port."""
    log = folder / f"bridge-{uuid4().hex[:6]}.log"
    known = {name: value for name, value in os.environ.items() if not name.startswith("KEYS_")}
    with log.open("w") as said:
        process = subprocess.Popen(
            [ROOT / ".venv/bin/headrace", "bridge", "serve", "--port=0", *options],
            env={**known, "HEADRACE_STATE": str(stack.state), **environment},
            stderr=said,
            text=True,
        )
    try:

        def address() -> re.Match[str] | None:
            assert process.poll() is None, log.read_text()
            return re.search(r"http://\S+:\d+", log.read_text())

        found = eventually(address, seconds=60)
        assert found
        bridge = Serving(process, found[0], log)
        with suppress(httpx.TransportError):
            eventually(lambda: httpx.get(f"{bridge.url}/ready").status_code == 204)
        yield bridge
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)
