"""Runs of workflows: what their run.json says when they are killed, and what a retry does."""

import json
import os
import signal
import subprocess
from typing import Any

from tests.services.copies import ROOT, Copy, eventually
from tests.services.test_lake import Topic, good


def start(stack: Copy, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [ROOT / ".venv/bin/headrace", "run", "messages", "--output=json", *words],
        cwd=ROOT,
        env={**os.environ, "HEADRACE_STATE": str(stack.state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def written(stack: Copy, topic: str) -> dict[str, Any]:
    """The run.json of the run that was given this topic; empty as long as there is none."""
    for each in (stack.state / "runs").glob("*/run.json"):
        said = json.loads(each.read_text())
        if said["parameters"].get("topic") == topic:
            return said
    return {}


def statuses(said: dict[str, Any]) -> dict[str, str]:
    return {each["outcome"]["name"]: each["outcome"]["status"] for each in said.get("steps", [])}


def test_a_run_that_was_killed_says_how_far_it_was_and_its_retry_does_only_the_rest(stack: Copy) -> None:
    topic = Topic(stack)
    topic.produce(*map(good, range(50)), b"bad")
    process = start(stack, f"--param=topic={topic.name}", f"--param=queue={topic.queue}")
    eventually(lambda: statuses(written(stack, topic.name)).get("silver-clean") == "Running", seconds=200)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = written(stack, topic.name)

    done = stack.headrace("retry", killed["run"], "--output=json")
    again = stack.headrace("retry", killed["run"])

    assert (killed["status"], statuses(killed)["bronze-load"]) == ("Running", "Succeeded")
    assert done.returncode == 0, done.stderr
    ended = written(stack, topic.name)
    assert (ended["status"], ended["attempts"], ended["run"]) == ("Succeeded", 2, killed["run"])
    assert set(statuses(ended).values()) == {"Succeeded"}
    kept = {each["outcome"]["name"]: each for each in killed["steps"] if each["outcome"]["status"] == "Succeeded"}
    assert {"cluster-check", "topics-apply", "bronze-load"} <= kept.keys()
    assert [each for each in ended["steps"] if each["outcome"]["name"] in kept] == [*kept.values()]
    verified = json.loads(next(each for each in ended["steps"] if each["outcome"]["name"] == "ledger-verify")
                          ["outcome"]["result"])  # fmt: skip
    assert {"bronze": 51, "silver": 50, "dead": 1}.items() <= verified["counts"].items()
    assert again.returncode == 2
    assert "there is nothing to do again" in again.stderr


def test_a_run_ends_with_the_verdict_of_its_step(stack: Copy) -> None:
    refused = stack.headrace("run", "messages", "--param=at_least=many")
    unknown = stack.headrace("retry", "messages-none")

    assert refused.returncode == unknown.returncode == 2
    assert "bronze-load cannot take at_least=many" in refused.stderr
    assert "there is no run messages-none" in unknown.stderr
