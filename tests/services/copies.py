"""Copies of the stack, driven as a person drives them: by make."""

import os
import socket
import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

from dotenv import dotenv_values
from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


@dataclass(frozen=True)
class Copy:
    """A copy of the stack, whether or not it runs; `ports` is None for one that someone else made."""

    state: Path
    ports: int | None = None
    nodes: int = 1

    def make(self, target: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """Run a target of the Makefile for this copy."""
        given: dict[str, object] = {"STATE": self.state, "NODES": self.nodes}
        if self.ports:
            given["PORTS"] = self.ports
        words = [f"{name}={value}" for name, value in {**given, **variables}.items()]
        return run("make", "--no-print-directory", target, *words)

    @property
    def env(self) -> dict[str, str]:
        """What stack.env says."""
        return {name: value or "" for name, value in dotenv_values(self.state / "stack.env").items()}

    def headrace(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this copy."""
        return run(".venv/bin/headrace", *words, HEADRACE_STATE=str(self.state), **environment)

    @contextmanager
    def spark(self) -> Generator[SparkSession, None, None]:
        """A session of the caller's own with its Spark; one that is open when Spark ends holds up whoever has it."""
        session = SparkSession.builder.remote(self.env["SPARK_REMOTE"]).create()
        try:
            yield session
        finally:
            session.stop()

    def pids(self) -> dict[str, int]:
        """The process id of each service, as `make status` shows it."""
        lines = [line.split() for line in self.make("status").stdout.splitlines()[1:]]
        return {words[0]: int(words[2]) for words in lines if words[2] != "-"}


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository, without what this process was told of other stacks."""
    return subprocess.run(
        words, cwd=ROOT, env=_clean(os.environ) | environment, capture_output=True, text=True, check=False, timeout=300
    )


def eventually(found: Callable[[], T], *, seconds: float = 30) -> T:
    """Ask until the answer is true, and return it."""
    until = monotonic() + seconds
    while not (answer := found()):
        assert monotonic() < until, f"{found} was not true in {seconds} s"
        sleep(0.05)
    return answer


def free_port() -> int:
    """A port of the loopback on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    told = ("HEADRACE_STATE", "HEADRACE_PORTS", "NODES", "PORTS", "STATE", "MAKEFLAGS", "MAKELEVEL", "SPARK_REMOTE")
    return {name: value for name, value in environment.items() if name not in told}
