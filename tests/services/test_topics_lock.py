"""Two who change a cluster at once take turns, and one that was killed leaves nothing half done."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.copies import ROOT, Copy, run
from tests.services.topics import answer, named, start, write


@pytest.fixture
def name(stack: Copy) -> Iterator[str]:
    with named(stack) as prefix:
        yield prefix


@pytest.fixture
def file(tmp_path: Path, name: str) -> Path:
    return write(tmp_path / "topics.yaml", name)


HOLD = """
import sys
from jobs import kafka, settings
from jobs.kafka.lock import held
settings.load_dotenv_file()
with held(kafka.admin(), "test", 30) as lock:
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(stack: Copy) -> subprocess.Popen[str]:
    environment = {"HEADRACE_STATE": str(stack.state), "PATH": "/usr/bin:/bin", "HEADRACE_RUN": "r-1"}
    words, pipe = [str(ROOT / ".venv/bin/python"), "-c", HOLD], subprocess.PIPE
    holder = subprocess.Popen(words, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    return holder


def test_two_applies_at_once_agree(stack: Copy, file: Path, name: str) -> None:
    write(file, name, topics=20)
    both = [start(stack, file) for _ in range(2)]
    for each in both:
        _, story = each.communicate(timeout=60)
        assert each.returncode == 0, story
    assert answer(stack.headrace("topics", "plan", str(file)))["changes"] == []


def test_who_holds_the_lock_is_named(stack: Copy, file: Path) -> None:
    holder = hold(stack)
    try:
        refused = stack.headrace("topics", "apply", str(file), "--lock-timeout=0")
        assert refused.returncode == 1
        said = f"somebody else is changing this cluster: test on {socket.gethostname()}, process {holder.pid}, run r-1"
        assert said in refused.stderr
        assert answer(stack.headrace("topics", "plan", str(file)))["create"] == 1, "looking needs no lock"
    finally:
        holder.kill()
        holder.communicate()
    took_over = stack.headrace("topics", "apply", str(file), "--lock-timeout=0")
    assert took_over.returncode == 0, took_over.stderr
    assert "that process is gone" in took_over.stderr, "killed on this machine, it is known to be dead at once"


def test_the_lock_is_waited_for(stack: Copy, file: Path) -> None:
    holder = hold(stack)
    waiting = start(stack, file)
    assert waiting.stderr
    assert "waiting for test on" in waiting.stderr.readline()
    holder.communicate(timeout=60)
    _, story = waiting.communicate(timeout=60)
    assert (waiting.returncode, holder.returncode) == (0, 0), story


def test_a_holder_that_was_suspended_stops(stack: Copy) -> None:
    """It can't know what others did meanwhile; the clock is turned for it, so that the test needs no 15 s."""
    script = HOLD.replace("sys.stdin.read()", "lock.last -= 13; lock.check()")
    done = run(".venv/bin/python", "-c", script, HEADRACE_STATE=str(stack.state))
    assert "JobError: this process lost the lock" in done.stderr


def test_killed_in_the_middle_and_run_again(stack: Copy, file: Path, name: str) -> None:
    write(file, name, topics=50)
    killed = start(stack, file)
    assert killed.stderr
    assert f"create topic {name}" in killed.stderr.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    answer(stack.headrace("topics", "apply", str(file)))
    assert answer(stack.headrace("topics", "plan", str(file)))["changes"] == []
