"""What k8s/base has beside the workflows, as a real API sees it."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster import kube
from tests.cluster.workflows import NAMESPACE

WORKLOADS = {"api", "drain", "mongodb", "prefect-worker", "rabbitmq"}


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    """A pod as its controller would make it."""
    claims = [each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])]
    spec = workload["spec"]["template"]["spec"]
    held = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"test-{uuid4().hex[:8]}", "namespace": NAMESPACE},
        "spec": spec | {"volumes": [*spec.get("volumes", []), *held]},
    }


@pytest.mark.usefixtures("cluster")
def test_the_pods_of_every_workload_are_let_into_the_restricted_namespace() -> None:
    found = kube.get("deployments,statefulsets,jobs", "-n", NAMESPACE)["items"]
    assert {each["metadata"]["name"] for each in found} >= WORKLOADS
    for each in found:
        told = kube.kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(pod(each)))
        assert "created (server dry run)" in told
