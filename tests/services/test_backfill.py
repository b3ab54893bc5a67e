"""Backfills as a person runs them: planned, reviewed, killed, cancelled, paused; and windows done again."""

import json
import os
import random
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition

from tests.services.copies import ROOT, Copy, eventually
from tests.services.test_lake import Topic, good
from tests.services.test_windows import NEW_YEAR, fill

PATIENCE = 300  # seconds, on a busy machine
WINDOWS, KILLS = (int(each) for each in os.environ.get("BACKFILL", "4,2").split(","))
"""How many windows a backfill has, and how often it is killed: the whole proof is BACKFILL=100,5."""


class Again:
    """A backfill of one topic, and its record."""

    def __init__(self, stack: Copy, folder: Path) -> None:
        self.topic, self.folder, self.name = Topic(stack), folder, f"b-{uuid4().hex[:6]}"
        self.environment = {"HEADRACE_BACKFILLS": str(folder)}

    def plan(self, *words: str, status: int = 0, reason: str = "a test") -> Any:
        given = (f"--topic={self.topic.name}", f"--name={self.name}", f"--reason={reason}")
        done = self.topic.stack.headrace("backfill", "messages", *given, *words, **self.environment)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if not status else done.stderr

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.topic.stack.headrace("backfill", "run", self.name, *words, **self.environment, **environment)

    def start(self) -> subprocess.Popen[str]:
        state = str(self.topic.stack.state)
        return subprocess.Popen(
            [ROOT / ".venv/bin/headrace", "backfill", "run", self.name],
            cwd=ROOT,
            env={**os.environ, **self.environment, "HEADRACE_STATE": state},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def record(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / f"{self.name}.yaml").read_text())

    def states(self) -> list[str]:
        return [each.get("state", "pending") for each in self.record["windows"]]

    def ledger(self, table: str) -> list[dict[str, Any]]:
        """What the commits of a table say."""
        uri = f"{self.topic.stack.env['LAKE_URI']}/{table}/{self.topic.name}"
        with self.topic.stack.spark() as spark:
            rows = spark.sql(f"DESCRIBE HISTORY delta.`{uri}`").where("userMetadata IS NOT NULL").orderBy("version")
            return [json.loads(row.userMetadata) for row in rows.collect()]


@pytest.fixture
def again(stack: Copy, tmp_path: Path) -> Again:
    return Again(stack, tmp_path)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the run; what it started goes on, as it would when a machine's supervisor ends one process."""
    psutil.Process(process.pid).kill()
    process.communicate(timeout=30)


@pytest.mark.timeout(600 + 60 * WINDOWS)
def test_windows_are_done_once_each_though_the_run_is_killed_again_and_again(again: Again) -> None:
    fill(again.topic, range(WINDOWS * 10), at=NEW_YEAR)
    end = f"--to={NEW_YEAR.replace(hour=WINDOWS // 6, minute=WINDOWS % 6 * 10):%Y-%m-%dT%H:%M}"
    planned = again.plan("--from=2026-01-01", end, "--window=10", "--table=bronze")
    assert (len(planned["windows"]), sum(each["records"] for each in planned["windows"])) == (WINDOWS, WINDOWS * 10)
    goals = sorted(random.Random(6).sample(range(WINDOWS - 1), KILLS))  # noqa: S311 - dice
    for goal in goals:
        process = again.start()
        far = lambda goal=goal: again.states().count("done") >= goal and "running" in again.states()  # noqa: E731
        eventually(far, seconds=PATIENCE + 30 * WINDOWS)
        kill(process)

    last = again.start()
    _, said = last.communicate(timeout=PATIENCE + 30 * WINDOWS)

    assert last.returncode == 0, said
    assert set(again.states()) == {"done"}
    taken = sorted(tuple(window.values()) for entry in again.ledger("bronze") for window in entry["windows"])
    assert taken == [(again.topic.name, 0, nth * 10, nth * 10 + 10) for nth in range(WINDOWS)]
    assert [run.get("ended", "") for run in again.record["runs"]] == [""] * KILLS + ["Completed"]


def test_a_backfill_of_all_tables_ends_with_gold_and_the_proof(again: Again) -> None:
    fill(again.topic, range(40), at=NEW_YEAR)
    for step in ("bronze", "silver", "gold"):
        again.topic.do(step)
    before = again.topic.stack.headrace("ledger", "verify", f"--topic={again.topic.name}")
    again.plan("--offsets=0:10-30", "--window=10", "--concurrency=2")

    ended = again.run()
    once_more = again.run()

    assert (before.returncode, ended.returncode, once_more.returncode) == (0, 0, 0), ended.stderr
    record = again.record
    assert record["end"]["state"] == "done"
    assert [each["counts"] for each in record["windows"]] == [
        {"bronze had": 10, "silver rows": 10, "silver redone": 10}
    ] * 2
    redone = [entry for entry in again.ledger("silver") if entry["redone"]]
    assert sorted((entry["why"], entry["once"], entry["removed"]) for entry in redone) == [
        ("a test", f"{again.name}/001", 10),
        ("a test", f"{again.name}/002", 10),
    ]
    assert again.ledger("gold")[-1]["periods"] == [] and len(again.ledger("gold")) == 2  # noqa: PT018


def test_one_that_is_cancelled_begins_nothing_more_and_goes_on_when_it_is_run_again(again: Again) -> None:
    fill(again.topic, range(30), at=NEW_YEAR)
    again.plan("--offsets=0:-", "--window=10", "--table=bronze")
    process = again.start()
    eventually(lambda: "running" in again.states(), seconds=PATIENCE)

    cancelled = again.topic.stack.headrace("backfill", "cancel", again.name, **again.environment)
    _, said = process.communicate(timeout=30)

    assert cancelled.returncode == 0, cancelled.stderr
    assert process.returncode == 1
    assert f"next: headrace backfill run {again.name}" in said
    assert again.states().count("pending") >= 2
    assert again.record["runs"][-1]["ended"] == "Cancelled"
    nobody = again.topic.stack.headrace("backfill", "cancel", again.name, **again.environment)
    assert (nobody.returncode, "does not run" in nobody.stderr) == (1, True)
    assert again.run().returncode == 0
    assert set(again.states()) == {"done"}


def test_windows_that_failed_are_done_when_it_is_asked_for_and_nothing_else_is_begun_before(again: Again) -> None:
    fill(again.topic, range(20), at=NEW_YEAR)
    again.plan("--offsets=0:-", "--window=10", "--table=bronze", "--max-failed=1")
    file = again.folder / f"{again.name}.yaml"
    file.write_text(file.read_text().replace("0:0-10", "0:20-25"))  # which are not there yet

    broken = again.run()
    stands = again.states()
    fill(again.topic, range(5), at=NEW_YEAR)
    mended = again.run("--retry=failed")

    assert (broken.returncode, stands) == (1, ["failed", "pending"]), broken.stderr
    assert f"next: headrace backfill run {again.name} --retry=failed" in broken.stderr
    assert "ends at 20, not at 25" in broken.stderr
    assert (mended.returncode, again.states()) == (0, ["done", "done"]), mended.stderr


def test_prefects_ui_can_start_and_cancel_one_with_a_form(stack: Copy, prefect: httpx.Client) -> None:
    again = Again(stack, ROOT / "backfills")  # where the deployment has its records
    fill(again.topic, range(30), at=NEW_YEAR)
    look = lambda: found.json() if (found := prefect.get("/deployments/name/backfill/local")).is_success else None  # noqa: E731
    form: dict[str, Any] = eventually(look, seconds=PATIENCE) or {}
    asked = {"dataset": "messages", "topic": again.topic.name, "name": again.name, "reason": "a form"}
    asked |= {"offsets": "0:-", "window": "10", "table": "bronze", "dry_run": False}

    def begin(**parameters: object) -> str:
        body = {"parameters": parameters}
        return prefect.post(f"/deployments/{form['id']}/create_flow_run", json=body).raise_for_status().json()["id"]

    def state(run: str) -> str:
        return prefect.get(f"/flow_runs/{run}").raise_for_status().json()["state"]["type"]

    try:
        first = begin(**asked)
        eventually(
            lambda: (again.folder / f"{again.name}.yaml").exists() and "running" in again.states(), seconds=PATIENCE
        )
        cancel = {"state": {"type": "CANCELLING"}}
        prefect.post(f"/flow_runs/{first}/set_state", json=cancel).raise_for_status()
        eventually(lambda: "running" not in again.states(), seconds=30)
        eventually(lambda: state(first) == "CANCELLED", seconds=60)
        left = again.states().count("pending")
        second = begin(name=again.name, dry_run=False)
        eventually(lambda: state(second) == "COMPLETED", seconds=PATIENCE)
        stands = again.states()
    finally:
        for path in (f"{again.name}.yaml", f".{again.name}.lock"):
            (again.folder / path).unlink(missing_ok=True)

    assert left >= 2
    assert set(stands) == {"done"}
    schema = form["parameter_openapi_schema"]["properties"]
    assert {"name", "retry", "dry_run", "dataset", "reason", "start", "end", "offsets", "table", "rate"} <= {*schema}
    assert "Why it is done again." in str(schema["reason"])
    assert schema["table"]["enum"] == ["all", "bronze", "silver", "gold"]


def test_it_waits_for_a_live_consumer_that_is_behind(again: Again) -> None:
    fill(again.topic, range(20), at=NEW_YEAR)
    config = {**again.topic.config, "group.id": again.topic.name, "enable.auto.commit": False}
    reader = Consumer({**config, "auto.offset.reset": "earliest"})
    reader.subscribe([again.topic.name])
    eventually(lambda: reader.poll(1), seconds=60)
    reader.commit(offsets=[TopicPartition(again.topic.name, 0, 1)], asynchronous=False)
    again.plan("--offsets=0:-", "--window=20", "--table=bronze", "--max-lag=10")
    process = again.start()
    said = ""
    while "paused" not in said:
        said = process.stderr.readline() if process.stderr else ""
        assert process.poll() is None, said

    assert f"paused: {again.topic.name} is 19 records" in said
    assert again.states() == ["pending"]
    reader.commit(offsets=[TopicPartition(again.topic.name, 0, 20)], asynchronous=False)
    process.communicate(timeout=120)
    reader.close()
    assert process.returncode == 0
    assert again.states() == ["done"]


def test_a_plan_without_a_reason_or_of_what_is_gone_is_refused(again: Again) -> None:
    fill(again.topic, range(20), at=NEW_YEAR)
    for done in again.topic.admin.delete_records([TopicPartition(again.topic.name, 0, 5)]).values():
        done.result()

    assert "5 of 20 records of partition 0 expired" in again.plan("--offsets=0:0-20", status=1)
    assert "give --reason" in again.plan("--offsets=0:0-20", status=2, reason="")
    again.plan("--offsets=0:0-20", "--on-expired=clip", "--dry-run")
    assert "ends at 20, not at 99" in again.plan("--offsets=0:0-99", status=2)
    assert "--window 0 makes more than" in again.plan("--offsets=0:5-20", "--window=0", status=2)
    assert "'much' is no time" in again.plan("--offsets=0:5-20", "--max-lag=much", status=2)
    assert [*again.folder.iterdir()] == []


def test_the_commands_of_the_documentation_work(again: Again) -> None:
    fill(again.topic, range(10), at=NEW_YEAR)
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/backfills.md").read_text(), re.DOTALL)
    plan, *others = [line.removeprefix("headrace ") for block in blocks for line in block.splitlines()]

    planned = again.topic.stack.headrace(*shlex.split(plan), f"--topic={again.topic.name}", **again.environment)
    assert planned.returncode == 0, planned.stderr
    assert others[0] == "backfill run sender"
    ended = {words: again.topic.stack.headrace(*shlex.split(words), **again.environment) for words in others}

    assert [len(json.loads(planned.stdout)["windows"]), *(each.returncode for each in ended.values())] == [
        1,
        *(1 if words == "backfill cancel sender" else 0 for words in others),  # nothing runs any more
    ]
    (listed,) = json.loads(ended["backfill list"].stdout)
    assert (listed["name"], listed["done"], listed["pending"]) == ("sender", 2, 0)


def test_windows_cleaned_again_replace_exactly_their_rows(again: Again) -> None:
    topic = again.topic
    fill(topic, range(20), at=NEW_YEAR)
    fill(topic, range(5, 8), partition=1, at=NEW_YEAR)  # the same events once more
    topic.produce(b"bad")
    for step in ("bronze", "silver", "gold"):
        topic.do(step)
    words = ["silver", "clean", f"--topic={topic.name}", "--dataset=messages", "--redo=0:0-10", "--why=mended"]

    first, second = ([*words, f"--once={name}"] for name in ("one", "two"))
    done = [json.loads(topic.stack.headrace(*each).stdout) for each in (first, first, second)]

    assert [each["entry"] for each in done] == [2, 0, 3]
    assert {(each["rows"], each["removed"]) for each in (done[0], done[2])} == {(10, 10)}
    assert json.loads(topic.stack.headrace(*topic.words("gold")).stdout)["periods"] == 1
    verified = topic.stack.headrace("ledger", "verify", f"--topic={topic.name}")
    assert verified.returncode == 0, verified.stderr
    counts = json.loads(verified.stdout)["counts"]
    assert {"silver": 20, "dead": 1, "duplicates": 3}.items() <= counts.items()
    assert good(1)
