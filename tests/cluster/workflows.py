"""Argo's command line, and what the cluster says of the workflows that it started."""

import os
import subprocess
from typing import Any

from tests.cluster import build, kube
from tests.cluster.place import kubeconfig

NAMESPACE = "headrace"


def argo(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `argo` in the namespace of the workflows."""
    environment = os.environ | {"KUBECONFIG": str(kubeconfig())}
    command = [build.program("argo"), *words, "-n", NAMESPACE]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800, check=False)


def submit(template: str, **parameters: str) -> str:
    """Submit a template, and return the name of the workflow."""
    given = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    done = argo("submit", "--from", f"workflowtemplate/{template}", "-o", "name", *given)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def finished(name: str) -> dict[str, Any]:
    """The status of a workflow when it has ended, whether well or not."""
    argo("wait", name)
    return kube.get("workflow", name, "-n", NAMESPACE)["status"]


def pods(status: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The pods of each step, one a try, in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for node in sorted(status["nodes"].values(), key=lambda each: each["startedAt"]):
        if node["type"] == "Pod":
            found.setdefault(node["templateName"], []).append(node)
    return found
