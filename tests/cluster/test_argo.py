"""Argo runs workflows here: real pods, results by the executor, retries."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests.cluster import build, images, kube
from tests.cluster.place import kubeconfig
from tests.cluster.pods import RESTRICTED

pytestmark = pytest.mark.usefixtures("cluster")


def submit(*templates: dict[str, Any]) -> dict[str, Any]:
    """Submit by the `argo` command line, wait, and return the workflow as the API has it."""
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "test-", "namespace": "headrace"},
        "spec": {
            "entrypoint": "main",
            "serviceAccountName": "workflow",
            "automountServiceAccountToken": False,
            "executor": {"serviceAccountName": "workflow"},
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "templates": templates,
        },
    }
    environment = os.environ | {"KUBECONFIG": str(kubeconfig())}
    command = [build.program("argo"), "submit", "-n", "headrace", "--wait", "-o", "name", "-"]
    done = subprocess.run(
        command, input=json.dumps(workflow), env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    name = done.stdout.split()[0]
    return kube.get("workflow", name, "-n", "headrace")


def container(name: str, script: str, **rest: Any) -> dict[str, Any]:
    """A template that runs a Python script in the jobs' own image."""
    return {
        "name": name,
        "container": {
            "image": images.tag("jobs"),
            "command": ["python", "-c", script],
            "securityContext": RESTRICTED,
        },
        **rest,
    }


def nodes(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its pods as Argo tells them, by the name of their step."""
    return {each["displayName"]: each for each in workflow["status"]["nodes"].values() if each["type"] == "Pod"}


def test_what_k8s_base_declares_is_there() -> None:
    template = kube.get("workflowtemplate", "messages", "-n", "headrace")
    used = {each["container"]["image"] for each in template["spec"]["templates"] if "container" in each}
    assert used <= {images.tag(name) for name in images.names()}
    assert kube.get("cronworkflow", "messages", "-n", "headrace")["spec"]["workflowSpec"] == {
        "workflowTemplateRef": {"name": "messages"}
    }


def test_a_workflow_of_two_pods_passes_a_result_on() -> None:
    tasks = [
        {"name": "say", "template": "say"},
        {
            "name": "hear",
            "template": "hear",
            "dependencies": ["say"],
            "arguments": {"parameters": [{"name": "word", "value": "{{tasks.say.outputs.result}}"}]},
        },
    ]
    workflow = submit(
        {"name": "main", "dag": {"tasks": tasks}},
        container("say", "import os; print(f'hello from {os.getuid()}')"),
        container(
            "hear",
            "assert '{{inputs.parameters.word}}' == 'hello from 10001'",
            inputs={"parameters": [{"name": "word"}]},
        ),
    )
    assert workflow["status"]["phase"] == "Succeeded"
    ran = nodes(workflow)
    assert ran["say"]["outputs"]["result"] == "hello from 10001"
    assert ran["hear"]["inputs"]["parameters"] == [{"name": "word", "value": "hello from 10001"}]
    assert {node["phase"] for node in ran.values()} == {"Succeeded"}


def test_a_step_that_fails_once_is_tried_again() -> None:
    workflow = submit(
        container(
            "main",
            "import sys; sys.exit(0 if '{{retries}}' == '1' else 7)",
            retryStrategy={"limit": 2, "retryPolicy": "Always"},
        )
    )
    assert workflow["status"]["phase"] == "Succeeded"
    codes = {name[-3:]: node["outputs"]["exitCode"] for name, node in nodes(workflow).items()}
    assert codes == {"(0)": "7", "(1)": "0"}
