"""`headrace alerts serve`, started for a test and ended by it."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.services.copies import ROOT, Copy, eventually


@dataclass
class Page:
    """A page that is served."""

    url: str
    process: subprocess.Popen[str]

    def state(self) -> dict[str, Any]:
        """What it shows now."""
        return httpx.get(f"{self.url}state").raise_for_status().json()

    def total(self) -> int:
        """How many alerts it has counted."""
        return self.state()["alerts"]["total"]

    def until(self, total: int) -> dict[str, Any]:
        """Its state once it has counted so many alerts."""
        return eventually(lambda: state if (state := self.state())["alerts"]["total"] == total else {})


@contextmanager
def serving(stack: Copy, topic: str, *options: str, **environment: str) -> Iterator[Page]:
    """The page of a topic and TOPIC-alerts, on a port of its own; it must end well when told."""
    process = subprocess.Popen(
        [ROOT / ".venv/bin/headrace", "alerts", "serve", f"--topic={topic}", f"--alerts={topic}-alerts", *options]
        + ([] if any(each.startswith("--port") for each in options) else ["--port=0"]),
        env={**os.environ, "HEADRACE_STATE": str(stack.state), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    try:
        assert process.stderr
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"serving the live page at (http://\S+)", line):
                yield Page(found[1], process)
                break
        else:
            raise AssertionError("".join(said))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            said.append(process.communicate(timeout=30)[1])
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, said
    assert "Traceback" not in "".join(said), said
