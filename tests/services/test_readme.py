"""The README does not lie: every command in it is run, or runs elsewhere, by name."""

import re
import shlex
import shutil

import pytest

from tests.services.copies import ROOT, Copy, run

ELSEWHERE = {
    "make demo": "tests/services/test_messages.py runs it twice",
    "make test": "runs this test",
    "make down": "tests/services/test_stack.py runs it; here it would end the stack of the other tests",
    "uv run headrace run messages": "tests/services/test_messages.py runs it",
    "kubectl": "needs a cluster: tests/cluster",
    "argo": "needs a cluster: tests/cluster",
}


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def elsewhere(command: str) -> bool:
    return any(command == each or command.split(maxsplit=1)[0] == each for each in ELSEWHERE)


@pytest.mark.parametrize("command", [each for each in commands() if not elsewhere(each)])
def test_a_command_of_the_readme_works(stack: Copy, command: str) -> None:
    if command.startswith("make "):
        done = stack.make(command.removeprefix("make "))
    else:
        done = stack.headrace(*shlex.split(command.removeprefix("uv run headrace ")))

    assert done.returncode == 0, done.stderr


def test_uv_runs_the_command_line() -> None:
    done = run(shutil.which("uv") or ".cache/uv/bin/uv", "run", "headrace", "--version")

    assert done.returncode == 0, done.stderr


def test_what_runs_elsewhere_is_still_in_the_readme() -> None:
    assert [each for each in ELSEWHERE if not any(line.startswith(each) for line in commands())] == []


def test_files_that_the_readme_names_exist() -> None:
    named = re.findall(r"`((?:[\w*]+/)+[\w.*]*)`", (ROOT / "README.md").read_text())

    assert [
        each for each in named if not each.startswith(("messages/", ".state")) and not any(ROOT.glob(each.rstrip("/")))
    ] == []
