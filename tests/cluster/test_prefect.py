"""Prefect on Kubernetes: the worker of k8s/base makes flow runs Jobs, and flows/argo.py runs templates from there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from flows import pool, submission
from tests.cluster import images, kube
from tests.cluster.place import ClusterError
from tests.cluster.pods import RESTRICTED
from tests.cluster.workflows import NAMESPACE
from tests.services import prefects
from tests.services.copies import ROOT, Copy, eventually

FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Server:
    """Prefect's server, asked as its clients ask."""

    def __init__(self, copy: Copy) -> None:
        self.url = copy.env["PREFECT_API_URL"]
        self.http = prefects.client(copy)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str) -> dict[str, Any]:
        return self.http.get(path).raise_for_status().json()

    def start(self, deployment: str, **parameters: object) -> str:
        """Start a flow run, and return its id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self.post(f"/deployments/{deployment}/create_flow_run", body)["id"]

    def ended(self, run: str) -> dict[str, Any]:
        """The last state of a flow run."""
        look = lambda: state if (state := self.get(f"/flow_runs/{run}")["state"])["type"] in FINAL else None  # noqa: E731
        found = eventually(look, seconds=300)
        assert found
        return found

    def table(self, run: str) -> dict[str, Any]:
        """The artifact in which a flow run says how its Workflow ended."""
        chosen = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": ["workflow"]}}}
        (artifact,) = self.post("/artifacts/filter", chosen)
        return artifact | {"data": json.loads(artifact["data"])}


@pytest.fixture(scope="module")
def server(carried: Copy) -> Iterator[Server]:
    asked = Server(carried)
    yield asked
    asked.http.close()


@pytest.fixture(scope="module")
def work_pool(server: Server) -> Iterator[str]:
    """A pool of the test's own, and the Deployment of k8s/base as its worker."""
    name = f"test-{uuid4().hex[:8]}"
    deployment = ("deployment/prefect-worker", "-n", NAMESPACE)
    containers = [{"name": "worker", "env": [{"name": "WORK_POOL", "value": name}]}]
    inits = [{"name": "pool", "env": [{"name": "WORK_POOL", "value": name}]}]
    template = {
        "metadata": {"annotations": {"test": name}},
        "spec": {"containers": containers, "initContainers": inits},
    }
    kube.kubectl("patch", *deployment, "-p", json.dumps({"spec": {"replicas": 1, "template": template}}))
    try:
        kube.rolled_out("prefect-worker", NAMESPACE)
        yield name
    finally:
        kube.kubectl("scale", *deployment, "--replicas=0")
        server.http.delete(f"/work_pools/{name}")


@pytest.fixture(scope="module")
def deployment(server: Server, work_pool: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `prefect deploy` makes of the deployments in flows/prefect.yaml; the first, under another name and pool."""
    declared = yaml.safe_load((ROOT / "flows/prefect.yaml").read_text())
    for each in declared["deployments"]:
        each["work_pool"]["name"] = work_pool
    declared["deployments"][0]["name"] = work_pool
    file = tmp_path_factory.mktemp("prefect") / "prefect.yaml"
    file.write_text(yaml.safe_dump(declared))
    environment = os.environ | {"PREFECT_API_URL": server.url, "FLOWS_IMAGE": images.tag("flows")}
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        [*command, "--prefect-file", str(file)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    identity = server.get(f"/deployments/name/argo/{work_pool}")["id"]
    yield identity
    server.http.delete(f"/deployments/{identity}")


@pytest.fixture
def template() -> Iterator[str]:
    """A WorkflowTemplate of one step, which fails or lasts when it is asked to."""
    name = f"test-{uuid4().hex[:8]}"
    script = """
import sys, time
print("{{inputs.parameters.word}}")
time.sleep({"slow": 300, "brief": 20}.get("{{inputs.parameters.word}}", 0))
sys.exit("it broke" if "{{inputs.parameters.word}}" == "broken" else 0)
"""
    choices = {"name": "word", "value": "fine", "enum": ["fine", "broken", "brief", "slow"]}
    say = {
        "name": "say",
        "inputs": {"parameters": [{"name": "word"}]},
        "container": {
            "image": images.tag("jobs"),
            "command": ["python", "-c", script],
            "securityContext": RESTRICTED,
        },
    }
    task = {
        "name": "say-it",
        "template": "say",
        "arguments": {"parameters": [{"name": "word", "value": "{{workflow.parameters.word}}"}]},
    }
    kube.apply_objects(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTemplate",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "entrypoint": "main",
                "serviceAccountName": "workflow",
                "automountServiceAccountToken": False,
                "executor": {"serviceAccountName": "workflow"},
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "arguments": {"parameters": [choices]},
                "templates": [{"name": "main", "dag": {"tasks": [task]}}, say],
            },
        }
    )
    yield name
    kube.kubectl("delete", "workflowtemplate", name, "-n", NAMESPACE)


def workflows(run: str) -> list[dict[str, Any]]:
    """The Workflows that a flow run submitted."""
    return kube.get("workflows", "-n", NAMESPACE, "-l", f"{submission.RUN}={run}")["items"]


def running(run: str) -> list[dict[str, Any]]:
    """Those of them that run."""
    return [each for each in workflows(run) if each.get("status", {}).get("phase") == "Running"]


def job(run: str) -> dict[str, Any]:
    """The Job that a flow run was."""
    (only,) = kube.get("jobs", "-n", NAMESPACE, "-l", f"prefect.io/flow-run-id={run}")["items"]
    return only


def test_the_worker_declares_the_pool_as_k8s_base_has_it(server: Server, work_pool: str) -> None:
    found = server.get(f"/work_pools/{work_pool}")
    assert found["type"] == "kubernetes"
    assert found["base_job_template"] == pool.template()


def test_a_flow_run_is_a_job_and_runs_a_template(server: Server, deployment: str, template: str) -> None:
    run = server.start(deployment, template=template, arguments={"word": "fine"})
    state = server.ended(run)

    assert state["type"] == "COMPLETED", state["message"]
    eventually(lambda: job(run)["status"].get("succeeded") == 1)
    assert job(run)["spec"]["ttlSecondsAfterFinished"] > 0
    (workflow,) = workflows(run)
    assert workflow["status"]["phase"] == "Succeeded"
    table = server.table(run)
    assert table["data"] == [{"name": "say-it", "status": "Succeeded", "message": ""}]
    assert table["description"] == f"{workflow['metadata']['name']} ended as Succeeded"


def test_a_failed_step_fails_the_flow_run_and_is_named(server: Server, deployment: str, template: str) -> None:
    run = server.start(deployment, template=template, arguments={"word": "broken"})
    state = server.ended(run)

    assert state["type"] == "FAILED"
    assert "ended as Failed: say-it: main: Error (exit code 1)" in state["message"]
    assert server.table(run)["data"][0]["status"] == "Failed"


def test_a_bad_parameter_is_refused_before_anything_is_submitted(
    server: Server, deployment: str, template: str
) -> None:
    runs = [server.start(deployment, template=template, arguments=bad) for bad in ({"wrod": "x"}, {"word": "loud"})]
    unknown, wrong = [server.ended(run) for run in runs]

    assert f"WorkflowTemplate {template} has no parameter wrod; it has: word" in unknown["message"]
    assert f"word of WorkflowTemplate {template} is loud, not fine or broken or brief or slow" in wrong["message"]
    assert [workflows(run) for run in runs] == [[], []]


def test_a_cancelled_flow_run_ends_its_workflow(server: Server, deployment: str, template: str) -> None:
    run = server.start(deployment, template=template, arguments={"word": "slow"})
    eventually(lambda: running(run), seconds=120)
    server.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})

    assert server.ended(run)["type"] == "CANCELLED"
    (workflow,) = workflows(run)
    assert workflow["spec"]["shutdown"] == "Terminate"
    eventually(lambda: workflows(run)[0]["status"]["phase"] == "Failed")


def test_a_flow_run_that_lost_its_pod_finds_its_workflow(server: Server, deployment: str, template: str) -> None:
    """Prefect tries it again by itself; that is the same flow run, so it waits for the same Workflow."""
    run = server.start(deployment, template=template, arguments={"word": "brief"})
    first, *_ = eventually(lambda: running(run), seconds=120)
    kube.kubectl("delete", "pod", "-n", NAMESPACE, "-l", f"prefect.io/flow-run-id={run}", "--grace-period=0", "--force")

    eventually(lambda: server.get(f"/flow_runs/{run}")["run_count"] == 2, seconds=120)
    assert server.ended(run)["type"] == "COMPLETED"
    (only,) = workflows(run)
    assert only["metadata"]["uid"] == first["metadata"]["uid"]


@pytest.mark.usefixtures("deployment")
def test_the_worker_was_refused_nothing() -> None:
    story = kube.kubectl("logs", "deployment/prefect-worker", "-n", NAMESPACE, "-c", "worker")
    assert "forbidden" not in story.lower()
    assert "Worker 'KubernetesWorker" in story


MAY = {
    "prefect-worker": {
        "create jobs.batch",
        "get jobs.batch",
        "list jobs.batch",
        "watch jobs.batch",
        "delete jobs.batch",
    }
    | {"get pods", "list pods", "watch pods", "get pods/log"},
    "flow": {"create workflows.argoproj.io", "get workflows.argoproj.io", "patch workflows.argoproj.io"}
    | {"get workflowtemplates.argoproj.io"},
    "spark": {"create pods", "get pods", "list pods", "watch pods", "delete pods"},
    "workflow": {"create workflowtaskresults.argoproj.io", "patch workflowtaskresults.argoproj.io"},
}
DENIED = ["get secrets", "create pods/exec", "update jobs.batch", "create rolebindings", "list nodes", "get configmaps"]
DENIED += ["create serviceaccounts/token", "delete workflows.argoproj.io", "list pods --namespace=kube-system"]


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("account", MAY)
def test_an_account_may_do_what_it_needs_and_nothing_else(account: str) -> None:
    who = ("-n", NAMESPACE, f"--as=system:serviceaccount:{NAMESPACE}:{account}")
    listed = kube.kubectl("auth", "can-i", "--list", "--no-headers", *who).splitlines()
    rules = [line.replace("[]", "").rstrip("]").split() for line in listed]
    named = [rule for rule in rules if not rule[0].startswith(("[", "self")) and "." * 2 not in rule[0]]
    may = {f"{verb.strip('[')} {rule[0]}" for rule in named for verb in rule[1:]}
    assert may == MAY[account]

    for denied in DENIED:
        with pytest.raises(ClusterError):
            kube.kubectl("auth", "can-i", *who, *question(denied))
    for allowed in MAY[account]:
        assert kube.kubectl("auth", "can-i", *who, *question(allowed)) == "yes\n"


def question(words: str) -> list[str]:
    """`create pods/exec` as kubectl takes it, which would read `exec` as the name of a pod."""
    verb, kind, *rest = words.split()
    resource, _, part = kind.partition("/")
    return [verb, resource, *([f"--subresource={part}"] if part else []), *rest]
