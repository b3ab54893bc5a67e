"""What a flow submits to Argo and makes of its answers, and what Prefect is told of our pipelines."""

from typing import Any
from uuid import UUID

import pytest
import yaml

from flows import pool, submission
from flows.submission import Step
from jobs.errors import UsageError
from tests.services.copies import ROOT
from workflows.__main__ import MANIFESTS

RUN = UUID("0199c5d2-7a41-7d2c-9c3e-5b1f4a2d8e90")
TEMPLATE = {
    "metadata": {"name": "messages"},
    "spec": {
        "arguments": {
            "parameters": [
                {"name": "topic"},
                {"name": "queue", "value": "out"},
                {"name": "on_expired", "default": "fail", "enum": ["fail", "clip"]},
            ]
        }
    },
}


def test_a_flow_run_has_one_workflow_whose_name_fits_a_label() -> None:
    assert submission.name("messages", RUN) == "messages-5b1f4a2d8e90"
    assert len(submission.name("a" * 200, RUN)) <= 63
    assert submission.name(f"{'a' * 49}-b", RUN) == f"{'a' * 49}-5b1f4a2d8e90"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"topic": "t", "tpoic": "t"}, "has no parameter tpoic; it has: topic, queue, on_expired"),
        ({"queue": "q"}, "needs the parameter topic"),
        ({"topic": "t", "on_expired": "skip"}, "on_expired of WorkflowTemplate messages is skip, not fail or clip"),
    ],
)
def test_arguments_are_held_against_the_template(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        submission.check(TEMPLATE, arguments)


@pytest.mark.parametrize("arguments", [{"topic": "t"}, {"topic": "t", "queue": "q", "on_expired": "clip"}])
def test_good_arguments_pass(arguments: dict[str, str]) -> None:
    submission.check(TEMPLATE, arguments)


def test_a_template_without_parameters_takes_none() -> None:
    with pytest.raises(UsageError, match="it has: none"):
        submission.check({"metadata": {"name": "bare"}, "spec": {}}, {"x": "1"})


def node(name: str, kind: str, phase: str, at: int, **rest: Any) -> dict[str, Any]:
    return {"displayName": name, "type": kind, "phase": phase, "startedAt": f"2026-01-01T00:00:0{at}Z", **rest}


def test_several_tries_of_a_step_are_one() -> None:
    workflow = {
        "metadata": {"name": "messages-1"},
        "status": {
            "phase": "Failed",
            "message": "child failed",
            "nodes": {
                "1": node("messages-1", "DAG", "Failed", 0),
                "4": node("export", "Skipped", "Omitted", 5, message="omitted: depends condition not met"),
                "3": node("load(0)", "Pod", "Failed", 3, message="exit code 1"),
                "2": node("load", "Retry", "Failed", 2, children=["3"], message="No more retries left"),
                "0": node("check", "Pod", "Succeeded", 1),
            },
        },
    }
    stands = submission.standing(workflow)
    assert [step.name for step in stands.steps] == ["check", "load", "export"]
    assert stands.failed == [Step("load", "Failed", "No more retries left")]
    assert stands.verdict == "messages-1 ended as Failed: load: No more retries left"


def test_a_workflow_that_no_controller_has_seen_is_pending() -> None:
    stands = submission.standing({"metadata": {"name": "w"}})
    assert (stands.phase, stands.steps) == ("Pending", [])
    ended = submission.standing(
        {"metadata": {"name": "w"}, "status": {"phase": "Error", "message": "no such template"}}
    )
    assert ended.verdict == "w ended as Error: no such template"


def test_the_base_job_template_is_current() -> None:
    """`make render` would change nothing."""
    assert pool.TEMPLATE.read_text() == pool.rendered()


def test_a_flow_runs_job_has_no_privileges() -> None:
    pod = pool.template()["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_every_pipeline_is_a_deployment_and_its_schedule_has_one_owner() -> None:
    """A pipeline with a CronWorkflow has no schedule of Prefect's."""
    declared = yaml.safe_load((ROOT / "flows/prefect.yaml").read_text())["deployments"]
    manifests = [yaml.safe_load(file.read_text()) for file in MANIFESTS.iterdir()]
    pipelines = {each["metadata"]["name"] for each in manifests if each["kind"] == "WorkflowTemplate"}
    scheduled = {
        each["spec"]["workflowSpec"]["workflowTemplateRef"]["name"]
        for each in manifests
        if each["kind"] == "CronWorkflow"
    }
    by_template = {each["parameters"]["template"]: each for each in declared if "argo.py" in each["entrypoint"]}
    assert by_template.keys() == pipelines
    assert not [name for name in scheduled if "schedules" in by_template[name] or "schedule" in by_template[name]]
