"""Files of topics, and the command that applies them."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from tests.services.copies import ROOT, Copy


@contextmanager
def named(stack: Copy) -> Generator[str]:
    """The beginning of topic names of one test alone; its topics are deleted afterwards."""
    prefix = f"test-{uuid4().hex[:8]}"
    yield prefix
    client = AdminClient({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]})
    if mine := [topic for topic in client.list_topics(timeout=10).topics if topic.startswith(prefix)]:
        for future in client.delete_topics(mine).values():
            future.result()


def write(path: Path, name: str, *, topics: int = 1, partitions: int = 2, configs: str = "retention.ms: 60000") -> Path:
    items = [f"  - {{name: {name}-{n}, partitions: {partitions}, configs: {{{configs}}}}}" for n in range(topics)]
    path.write_text("\n".join(["topics:", *items, ""]))
    return path


def answer(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def start(stack: Copy, file: Path, *options: str) -> subprocess.Popen[str]:
    words = [".venv/bin/headrace", "topics", "apply", str(file), *options]
    environment = {"HEADRACE_STATE": str(stack.state), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
