"""The same workflow on a real Argo controller and on this machine: the same outcomes, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from prefect.testing.utilities import prefect_test_harness

from flows.local import Run, RunError, as_flow
from tests.cluster import kube
from tests.cluster.cases import CASES, Case, template
from tests.cluster.workflows import NAMESPACE, finished, submit

BROKEN = "unexpected end of JSON input"
"""How the error ended that Argo itself gave to a case, once in four runs of `fan_out`; why is not known."""


@dataclass(frozen=True)
class Ended:
    """What both ways must agree on for one step."""

    status: str
    result: str = ""
    tries: int = 1
    parameters: tuple[tuple[str, str], ...] = ()


@pytest.fixture(scope="module")
def submitted(cluster: None) -> dict[str, str]:  # noqa: ARG001 - it comes first
    """All cases at once, so that they wait for each other's pods only; the name of each run."""
    names: dict[str, str] = {}
    for case in CASES:
        workflow = template(case)
        workflow.namespace = NAMESPACE
        kube.apply_objects(workflow.to_dict())
        names[case.__name__] = submit(str(workflow.name), word="given")
    return names


@pytest.fixture(scope="module")
def prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


def on_argo(case: Case, name: str) -> tuple[str, str, dict[str, Ended]]:
    """The finished workflow's name, its phase, and how each of its steps ended."""
    status = finished(name)
    if status.get("message", "").endswith(BROKEN):
        name = submit(str(template(case).name), word="given")
        status = finished(name)
    nodes: dict[str, dict[str, Any]] = status["nodes"]
    attempts = {child for node in nodes.values() if node["type"] == "Retry" for child in node.get("children", [])}
    ended: dict[str, Ended] = {}
    for identity, node in nodes.items():
        is_step = node["type"] in ("Pod", "Retry", "Skipped") and identity not in attempts
        if is_step:
            tries = len(attempts & set(node.get("children", []))) if node["type"] == "Retry" else 1
            ended[node["displayName"]] = _ended(node, tries)
    return name, status["phase"], ended


def _ended(node: dict[str, Any], tries: int) -> Ended:
    outputs = node.get("outputs", {})
    parameters = tuple((each["name"], each["value"]) for each in outputs.get("parameters", []))
    status = "Failed" if node["phase"] == "Error" else node["phase"]
    return Ended(status, outputs.get("result", "") if status == "Succeeded" else "", tries, parameters)


def locally(case: Case) -> tuple[str, dict[str, Ended]]:
    try:
        run: Run = as_flow(template(case))(word="given")
    except RunError as error:
        run = error.run
    ended = {
        step.name: Ended(
            step.status,
            step.result or "" if step.status == "Succeeded" else "",
            step.tries,
            (*step.parameters.items(),),
        )
        for step in run.steps
    }
    return run.status, ended


def comparable(ended: dict[str, Ended], workflow: str) -> dict[str, Ended]:
    """The exit handler under one name: Argo calls it after the workflow."""
    return {"exit" if name in (f"{workflow}.onExit", "end (exit)") else name: each for name, each in ended.items()}


@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_both_ways_end_alike(submitted: dict[str, str], case: Case) -> None:
    name, phase, there = on_argo(case, submitted[case.__name__])
    status, here = locally(case)

    there, here = comparable(there, name), comparable(here, name)
    # Argo keeps a result only where another step reads it.
    here = {
        each: replace(mine, result=mine.result if there.get(each, mine).result else "") for each, mine in here.items()
    }
    assert status == phase
    assert here == there
