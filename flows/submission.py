"""A run of a WorkflowTemplate as the API knows it: what is submitted, and what came of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from jobs.errors import UsageError

FINISHED = ("Succeeded", "Failed", "Error")
RUN = "headrace/flow-run"  # the label that says which flow run a Workflow belongs to


@dataclass(frozen=True)
class Step:
    """One step of a Workflow.

    Args:
        name: The task of the DAG.
        status: Pending, Running, Succeeded, Failed, Error, Skipped or Omitted.
        message: What Argo says of it.
    """

    name: str
    status: str
    message: str


@dataclass(frozen=True)
class Ended:
    """How a Workflow stands or ended.

    Args:
        workflow: Its name.
        phase: Pending, Running, Succeeded, Failed or Error.
        message: What Argo says of the whole.
        steps: What has begun, in that order; several tries of a step are one.
    """

    workflow: str
    phase: str
    message: str
    steps: list[Step]

    @property
    def failed(self) -> list[Step]:
        """The steps that failed."""
        return [step for step in self.steps if step.status in ("Failed", "Error")]

    @property
    def verdict(self) -> str:
        """How it ended in one sentence, with what the failed steps said."""
        told = "; ".join(f"{step.name}: {step.message or step.status}" for step in self.failed) or self.message
        return f"{self.workflow} ended as {self.phase}" + (f": {told}" if told else "")


def name(template: str, run: UUID) -> str:
    """The Workflow's name: one flow run has one, however often it is tried.

    Pods carry the name as a label, which may have 63 characters; the first half of the id is the time of day.
    """
    return f"{template[:50].rstrip('-.')}-{run.hex[-12:]}"


def check(template: Mapping[str, Any], arguments: Mapping[str, str]) -> None:
    """Hold the arguments against the template's parameters.

    Raises:
        UsageError: One is unknown, missing, or not among its choices.
    """
    title = template["metadata"]["name"]
    declared = {each["name"]: each for each in template["spec"].get("arguments", {}).get("parameters", [])}
    for given in arguments.keys() - declared.keys():
        near = get_close_matches(given, declared, n=1)
        raise UsageError(
            f"WorkflowTemplate {title} has no parameter {given}; it has: {', '.join(declared) or 'none'}",
            hint=f"did you mean {near[0]}?" if near else "",
        )
    for each, parameter in declared.items():
        if each not in arguments and not {"value", "default", "valueFrom"} & parameter.keys():
            raise UsageError(f"WorkflowTemplate {title} needs the parameter {each}")
        choices = parameter.get("enum")
        if choices and each in arguments and arguments[each] not in choices:
            raise UsageError(f"{each} of WorkflowTemplate {title} is {arguments[each]}, not {' or '.join(choices)}")


def manifest(template: str, arguments: Mapping[str, str], run: UUID) -> dict[str, Any]:
    """The Workflow to create."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name(template, run), "labels": {RUN: str(run)}},
        "spec": {
            "workflowTemplateRef": {"name": template},
            "arguments": {"parameters": [{"name": each, "value": value} for each, value in arguments.items()]},
        },
    }


def standing(workflow: Mapping[str, Any]) -> Ended:
    """How the Workflow stands, as its object says."""
    status = workflow.get("status") or {}
    nodes: dict[str, dict[str, Any]] = status.get("nodes") or {}
    tries = {child for node in nodes.values() if node["type"] == "Retry" for child in node.get("children") or []}
    steps = [
        Step(node["displayName"], node.get("phase") or "Pending", node.get("message") or "")
        for identity, node in sorted(nodes.items(), key=lambda each: each[1].get("startedAt") or "")
        if node["type"] in ("Pod", "Retry", "Skipped", "Suspend") and identity not in tries
    ]
    phase, message = status.get("phase") or "Pending", status.get("message") or ""
    return Ended(workflow["metadata"]["name"], phase, message, steps)
