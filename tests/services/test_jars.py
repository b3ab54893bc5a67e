"""Fetching the jars from where they are published."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stack import jars
from stack.coordinates import lock_text, parse
from tests.services.copies import ROOT, eventually, run

FETCH = "import sys; from pathlib import Path; from stack import jars; jars.LOCK = Path(sys.argv[1]); jars.fetch()"


def some(tmp_path: Path, count: int = 12) -> Path:
    """A lock of a few of the jars."""
    lock = tmp_path / "jars.lock"
    chosen = [jar for jar in parse(jars.LOCK.read_text()) if jar.folder == "elasticmq"][:count]
    lock.write_text(lock_text(chosen))
    return lock


def test_a_fetch_that_was_killed_is_taken_up_again(tmp_path: Path) -> None:
    lock, cache = some(tmp_path), tmp_path / "cache"
    environment = {**os.environ, "HEADRACE_CACHE": str(cache)}
    first = subprocess.Popen([sys.executable, "-c", FETCH, str(lock)], cwd=ROOT, env=environment)
    eventually(lambda: list(cache.glob("ivy/**/*.jar")) or list(cache.glob("jars/*/*/*.jar")))
    first.send_signal(signal.SIGKILL)
    first.wait()
    again = run(sys.executable, "-c", FETCH, str(lock), HEADRACE_CACHE=str(cache))
    assert again.returncode == 0, again.stderr
    assert len(list(cache.glob("jars/*/elasticmq/*.jar"))) == 12
    assert not list(cache.glob("jars/*.partial"))
    quiet = run(sys.executable, "-c", FETCH, str(lock), HEADRACE_CACHE=str(cache))
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_a_jar_with_other_content_is_refused(tmp_path: Path) -> None:
    lock = some(tmp_path, 1)
    lock.write_text(lock.read_text()[:-3] + "00\n")
    words = (
        "-c",
        f"from jobs.errors import JobError\ntry:\n    exec({FETCH!r})\nexcept JobError as e: sys.exit(str(e))",
    )
    said = run(sys.executable, *words, str(lock), HEADRACE_CACHE=str(tmp_path / "cache"))
    assert said.returncode == 1
    assert "has sha256" in said.stderr
    assert not list((tmp_path / "cache").glob("jars/*/elasticmq"))
