"""`messages` on a real Argo, each step a real pod in a namespace that enforces `restricted`, against the stack."""

import os
import signal
from typing import Any

import psutil
import pytest
import yaml

from tests.cluster import group, kube
from tests.cluster.place import ROOT
from tests.cluster.workflows import NAMESPACE, argo, finished, pods, submit
from tests.services.copies import Copy, eventually
from tests.services.test_lake import Topic, good

STEPS = [
    "cluster-check",
    "topics-apply",
    "connectors-apply",
    "bronze-load",
    "silver-clean",
    "gold-build",
    "sqs-export",
    "ledger-verify",
    "runs-report",
]


@pytest.fixture
def topic(carried: Copy) -> Topic:
    made = Topic(carried)
    made.produce(*map(good, range(200)), b"bad")
    return made


def start(topic: Topic) -> str:
    return submit("messages", topic=topic.name, queue=topic.queue)


def counts(topic: Topic) -> dict[str, Any]:
    """The books of a topic, as the same job keeps them on this machine."""
    verified = topic.do("verify")
    gold = next(value for name, value in verified["hashes"].items() if name.startswith("gold"))
    return {**verified["counts"], "hash": gold}


def test_each_step_is_a_pod_and_the_books_are_those_of_the_local_run(topic: Topic, carried: Copy) -> None:
    status = finished(start(topic))

    assert status["phase"] == "Succeeded", status.get("message")
    assert [*pods(status)] == STEPS
    local = Topic(carried)
    local.produce(*map(good, range(200)), b"bad")
    run = carried.headrace("run", "messages", f"--param=topic={local.name}", f"--param=queue={local.queue}")
    assert run.returncode == 0, run.stderr
    assert counts(topic) == counts(local)
    assert counts(topic)["bronze"] == 201


def process_of(*words: str) -> int | None:
    """The process of a pod whose command line has these words."""
    for number in group.processes():
        try:
            line = psutil.Process(number).cmdline()
        except psutil.Error:
            continue
        if set(words) <= {*line} and "/argo/staging" not in line[0]:
            return number
    return None


def test_a_pod_killed_in_the_middle_is_tried_again_to_the_same_end(topic: Topic) -> None:
    name = start(topic)
    eventually(lambda: process_of("silver", "clean", f"--topic={topic.name}"), seconds=240)
    victim = process_of("silver", "clean", f"--topic={topic.name}")
    assert victim
    os.kill(victim, signal.SIGKILL)

    status = finished(name)

    assert status["phase"] == "Succeeded"
    assert [each["phase"] for each in pods(status)["silver-clean"]] == ["Failed", "Succeeded"]
    expected = {"bronze": 201, "silver": 200, "dead": 1, "duplicates": 0, "gold": 7, "accepted": 7}
    assert expected.items() <= counts(topic).items()


def test_two_submissions_at_once_double_nothing(topic: Topic) -> None:
    names = [start(topic), start(topic)]

    assert [finished(name)["phase"] for name in names] == ["Succeeded", "Succeeded"]
    expected = {"bronze": 201, "silver": 200, "dead": 1, "gold": 7, "accepted": 7}
    assert expected.items() <= counts(topic).items()


def test_a_bad_parameter_ends_the_run_without_another_try_and_the_exit_handler_reports_it(topic: Topic) -> None:
    status = finished(submit("messages", topic=topic.name, queue=topic.queue, at_least="many"))

    assert status["phase"] == "Failed"
    assert [each["outputs"]["exitCode"] for each in pods(status)["bronze-load"]] == ["2"]
    assert [each["phase"] for each in pods(status)["runs-report"]] == ["Succeeded"]
    assert "silver-clean" not in pods(status)


def test_the_schedule_fires(topic: Topic) -> None:
    manifest = yaml.safe_load((ROOT / "k8s/base/workflows/messages-cron.yaml").read_text())
    name = f"cron-{topic.name}"
    manifest["metadata"] = {"name": name, "namespace": NAMESPACE}
    manifest["spec"]["schedules"] = ["* * * * *"]
    manifest["spec"]["workflowSpec"]["arguments"] = {"parameters": [{"name": "topic", "value": topic.name}]}
    kube.apply_objects(manifest)
    label = f"workflows.argoproj.io/cron-workflow={name}"

    try:
        started = eventually(lambda: kube.get("workflow", "-n", NAMESPACE, "-l", label)["items"], seconds=130)
    finally:
        kube.kubectl("delete", "cronworkflow", name, "-n", NAMESPACE)

    assert started[0]["spec"]["workflowTemplateRef"]["name"] == "messages"
    argo("terminate", started[0]["metadata"]["name"])
