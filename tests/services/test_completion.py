"""A TAB shows what is there now, in bash, within 200 ms."""

import os
import resource
import subprocess
from pathlib import Path

import pytest

from tests.services.copies import ROOT, Copy


def press_tab(script: Path, stack: Copy, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    typed = " ".join(f"'{word}'" for word in words)
    press = (
        f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; COMPREPLY=(); "
        "_headrace headrace; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", press],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": path, "HEADRACE_STATE": str(stack.state)},
    )
    return done.stdout.split()


@pytest.fixture
def script(stack: Copy, tmp_path: Path) -> Path:
    file = tmp_path / "headrace.bash"
    file.write_text(stack.headrace("completion", "bash").stdout)
    return file


def test_commands_and_live_names_are_offered(stack: Copy, script: Path) -> None:
    assert stack.headrace("cluster", "check", "--canary=1").returncode == 0  # makes the topic
    assert "connectors" in press_tab(script, stack, "headrace", "conn")
    assert press_tab(script, stack, "headrace", "connectors", "res") == ["restart"]
    assert press_tab(script, stack, "headrace", "bronze", "load", "--topic", "headrace.c") == ["headrace.canary"]


def test_a_tab_takes_less_than_200_ms_of_this_machine(stack: Copy) -> None:
    """In processor time, for others may be at work here, too."""
    took: list[float] = []
    for words in 3 * [("connectors", "status", ""), ("bronze", "load", "--topic", "h"), ("groups", "lag", "")]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = stack.headrace("__complete", *words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (done.returncode, done.stderr) == (0, "")
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert max(sorted(took)[: len(took) // 2]) < 0.2
