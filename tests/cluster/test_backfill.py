"""A backfill whose windows are Workflows on a real Argo: a killed run finds its own again, a cancel ends them."""

from pathlib import Path
from typing import Any

import pytest

from tests.cluster import kube
from tests.cluster.place import kubeconfig
from tests.cluster.workflows import NAMESPACE
from tests.services.copies import Copy, eventually
from tests.services.test_backfill import Again, kill
from tests.services.test_windows import NEW_YEAR, fill


@pytest.fixture
def again(carried: Copy, tmp_path: Path) -> Again:
    made = Again(carried, tmp_path)
    made.environment["KUBECONFIG"] = str(kubeconfig())
    return made


def workflows(again: Again) -> list[dict[str, Any]]:
    """The Workflows of this backfill, oldest first."""
    items = kube.get("workflows", "-n", NAMESPACE)["items"]
    found = [each for each in items if {"name": "topic", "value": again.topic.name} in _arguments(each)]
    return sorted(found, key=lambda each: each["metadata"]["creationTimestamp"])


def _arguments(workflow: dict[str, Any]) -> list[dict[str, str]]:
    return workflow["spec"].get("arguments", {}).get("parameters", [])


def phases(again: Again) -> list[str]:
    return [each.get("status", {}).get("phase", "") for each in workflows(again)]


def test_a_window_is_a_workflow_that_a_killed_run_finds_again_and_a_cancelled_one_ends(again: Again) -> None:
    fill(again.topic, range(40), at=NEW_YEAR)
    again.plan("--offsets=0:-", "--window=10", "--table=bronze", "--on=argo")
    first = again.start()
    eventually(lambda: workflows(again), seconds=300)
    kill(first)
    second = again.start()
    eventually(lambda: len(workflows(again)) > 1, seconds=600)
    first_tries = again.record["windows"][0]["tries"]

    cancelled = again.topic.stack.headrace("backfill", "cancel", again.name, **again.environment)
    second.communicate(timeout=60)
    stands = again.states()
    last = again.run()

    assert cancelled.returncode == 0, cancelled.stderr
    assert (first_tries, stands[0], stands[2:]) == (1, "done", ["pending", "pending"])
    assert last.returncode == 0, last.stderr
    assert phases(again).count("Succeeded") == 4  # the cancelled one may have ended before
    assert again.topic.do("bronze")["entry"] == 0  # there is nothing left to load
    assert len(again.ledger("bronze")) == 4
