"""Kafka alone, for tests that need three brokers, or end some of them: no supervisor, no other service."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stack import jars, properties, storage
from stack.java import java
from stack.layout import Layout
from tests.services.copies import Copy

STACK = Path(jars.__file__).parent


class Brokers:
    """One broker, or three with three controllers, each a process of its own."""

    def __init__(self, state: Path, base: int, nodes: int) -> None:
        self.layout = Layout(state, base, nodes)
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def copy(self) -> Copy:
        """The same as a copy of the stack, of which only Kafka runs."""
        return Copy(self.layout.state, nodes=self.layout.nodes)

    def up(self) -> None:
        """Start every node and wait until all brokers take part."""
        jars.fetch()
        self.layout.state.mkdir(parents=True, exist_ok=True)
        storage.prepare(self.layout, jars.home())
        storage.write_env(self.layout, jars.home())
        for name in reversed(properties.nodes(self.layout)):
            self.start(name)
        self.wait()

    def start(self, name: str) -> None:
        """Start one node."""
        self.nodes[name] = launch(self.layout.state / f"kafka/{name}.properties", self.layout.logs / f"{name}.log")

    def wait(self, *, seconds: float = 120) -> None:
        """Wait until every broker answers and is in the metadata: one that was killed stays there for a while."""
        for number in range(1, self.layout.nodes + 1):
            await_brokers(
                {"bootstrap.servers": self.layout.address(f"kafka-{number}")}, self.layout.nodes, seconds=seconds
            )
        ended = {name: node.returncode for name, node in self.nodes.items() if node.poll() is not None}
        assert not ended, f"{ended}: see {self.layout.logs}"

    def kill(self, name: str) -> None:
        """End one node as a crash does."""
        self.nodes[name].kill()
        self.nodes[name].wait()

    def down(self) -> None:
        """End every node."""
        for each in self.nodes.values():
            each.kill()  # nothing of it is used again
        for each in self.nodes.values():
            each.wait()


def launch(file: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start one Kafka node as the stack does."""
    command = [
        *(str(java()), "-Xms64m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"),
        *(f"-Dlog4j2.configurationFile={STACK}/log4j2.properties", "-cp", f"{jars.home()}/kafka/*", "kafka.Kafka"),
    ]
    with log.open("ab") as out:
        return subprocess.Popen([*command, str(file)], stdout=out, stderr=out, stdin=subprocess.DEVNULL)


def await_brokers(config: dict[str, str | int | float | bool], count: int, *, seconds: float) -> None:
    """Wait until so many brokers are in the metadata."""
    until = time.monotonic() + seconds
    client = AdminClient(config | {"log_level": 0})
    while True:
        try:
            if len(client.list_topics(timeout=2).brokers) >= count:
                return
        except KafkaException:
            pass
        assert time.monotonic() < until, f"no {count} brokers in {seconds} s"
        time.sleep(0.1)


def main() -> None:
    """Keep brokers up until this process is told to end: `python -m tests.services.brokers STATE PORTS NODES`."""
    state, base, nodes = sys.argv[1:]
    brokers = Brokers(Path(state).absolute(), int(base), int(nodes))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        brokers.up()
        sys.stderr.write(f"up, process {os.getpid()}\n")
        signal.pause()
    finally:
        brokers.down()


if __name__ == "__main__":
    main()
