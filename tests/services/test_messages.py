"""The workflow `messages` as a person runs it."""

import json
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.services.copies import ROOT, Copy, eventually, run


def books(shown: str) -> dict[str, str]:
    """The fingerprints and figures that the demo prints."""
    hashes = dict(re.findall(r"^(\w+/messages)\s+([0-9A-F]+)", shown, re.MULTILINE))
    return hashes | {"figures": "".join(re.findall(r"[\d,]+ = [\d,+ ]+", shown))}


def test_the_demo_balances_its_books_and_a_second_one_changes_nothing(stack: Copy) -> None:
    first = stack.make("demo")
    assert first.returncode == 0, first.stdout + first.stderr
    second = stack.make("demo")
    assert second.returncode == 0, second.stdout + second.stderr

    assert len(books(first.stdout)) == 4
    assert books(second.stdout) == books(first.stdout)
    assert "✘" not in first.stdout


def test_a_parameter_that_the_workflow_has_not_is_refused(stack: Copy) -> None:
    done = stack.headrace("run", "messages", "--param", "quue=x")

    assert done.returncode == 2
    assert "no parameter quue; it has: topic, queue, at_least, max_dead_letters" in done.stderr
    assert "headrace run messages --param queue=x" in done.stderr


def test_a_workflow_that_is_not_there_is_refused(stack: Copy) -> None:
    done = stack.headrace("run", "mesages")

    assert done.returncode == 2
    assert "there is no workflow mesages; there is:" in done.stderr
    assert "next: headrace run messages" in done.stderr


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = run(".venv/bin/headrace", "run", "messages", HEADRACE_STATE=str(tmp_path))

    assert done.returncode == 1
    assert "Prefect's server is not known" in done.stderr
    assert "next: make up" in done.stderr


def test_with_a_stack_that_is_down_it_says_so(stack: Copy, tmp_path: Path) -> None:
    text = (stack.state / "stack.env").read_text()
    nowhere = re.sub(r"(127\.0\.0\.1):\d+", r"\1:9", text)
    (tmp_path / "stack.env").write_text(nowhere)

    done = run(".venv/bin/headrace", "run", "messages", HEADRACE_STATE=str(tmp_path))
    words = ["gold", "build", "--topic=messages", "--dataset=messages"]
    spark = run(".venv/bin/headrace", *words, HEADRACE_STATE=str(tmp_path))

    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert spark.returncode == 1
    assert "no Spark Connect server answers at sc://127.0.0.1:9" in spark.stderr


def start(stack: Copy, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [ROOT / ".venv/bin/headrace", "run", "messages", "--output=json", *words],
        cwd=ROOT,
        env={**psutil.Process().environ(), "HEADRACE_STATE": str(stack.state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def step_of(parent: psutil.Process, *words: str) -> psutil.Process | None:
    for child in parent.children():
        with suppress(psutil.Error):  # it has ended meanwhile
            if set(words) <= {*child.cmdline()}:
                return child
    return None


def test_a_step_killed_within_a_run_is_tried_again_and_the_run_succeeds(stack: Copy) -> None:
    process = start(stack)
    step = eventually(lambda: step_of(psutil.Process(process.pid), "silver", "clean"), seconds=90)
    assert step
    step.kill()

    shown, said = process.communicate(timeout=200)

    assert process.returncode == 0, said
    assert "silver-clean: ended with status -9" in said
    ended = json.loads(shown)
    assert ended["status"] == "Succeeded"
    assert {step["status"] for step in ended["steps"]} == {"Succeeded"}


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_its_step_and_itself(stack: Copy, ending: signal.Signals) -> None:
    process = start(stack, "--param=at_least=1000000")  # bronze-load waits for them
    step = eventually(lambda: step_of(psutil.Process(process.pid), "bronze", "load"), seconds=90)
    assert step

    process.send_signal(ending)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "interrupted: run it again" in said
    assert not step.is_running()


def test_a_value_that_a_step_cannot_take_is_refused_before_anything_runs(stack: Copy) -> None:
    done = stack.headrace("run", "messages", "--param=at_least=many")

    assert done.returncode == 2
    assert "bronze-load cannot take at_least=many: Invalid value for --at-least" in done.stderr
    assert "begins" not in done.stderr


def test_a_step_that_fails_ends_the_run_and_the_exit_handler_reports_it(stack: Copy) -> None:
    done = stack.headrace("run", "messages", "--param=topic=not-declared", "--output=json")

    assert done.returncode == 1
    ended = json.loads(done.stdout)
    status = {step["name"]: step["status"] for step in ended["steps"]}
    assert status["bronze-load"] == "Failed"
    assert status["silver-clean"] == status["ledger-verify"] == "Omitted"
    report = next(step["result"] for step in ended["steps"] if step["name"].startswith("runs-report"))
    assert report["status"] == "Failed"
    assert "there is no topic not-declared" in report["failures"]["bronze-load"]


@pytest.mark.parametrize("workflow", ["messages"])
def test_prefects_ui_can_start_it_with_a_form(prefect: httpx.Client, workflow: str) -> None:
    def deployment() -> dict[str, object]:
        asked = prefect.get(f"/deployments/name/{workflow}/local")
        return asked.json() if asked.status_code == 200 else {}

    found = eventually(deployment, seconds=60)

    schema = found["parameter_openapi_schema"]
    assert isinstance(schema, dict)
    assert [*schema["properties"]] == ["topic", "queue", "at_least", "max_dead_letters"]
    assert "Where the messages are." in str(schema["properties"]["topic"])
