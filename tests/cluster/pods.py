"""Pods that run one command, as the restricted Pod Security Standard wants them."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.cluster import kube

RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


@dataclass(frozen=True)
class Ended:
    """How a pod ended, and what it said."""

    phase: str
    story: str


def pod(image: str, *command: str, user: int = 10001, namespace: str = "headrace") -> dict[str, Any]:
    """A pod with a name of its own."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"test-{uuid4().hex[:8]}", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": user != 0,
                "runAsUser": user,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{"name": "main", "image": image, "command": list(command), "securityContext": RESTRICTED}],
        },
    }


def run(image: str, *command: str, seconds: float = 120) -> Ended:
    """Run a command in a pod of its own, and remove it."""
    return run_pod(pod(image, *command), seconds)


def run_pod(made: dict[str, Any], seconds: float = 120) -> Ended:
    """Run a pod to its end, and remove it."""
    name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
    kube.apply_objects(made)
    try:
        give_up = time.monotonic() + seconds
        while True:
            phase = kube.get("pod", name, "-n", namespace)["status"]["phase"]
            if phase in ("Succeeded", "Failed") or time.monotonic() > give_up:
                break
            time.sleep(0.2)
        story = kube.kubectl("describe" if phase == "Pending" else "logs", f"pod/{name}", "-n", namespace)
        return Ended(phase, story)
    finally:
        kube.kubectl("delete", "pod", name, "-n", namespace, "--wait=false", "--grace-period=1")
