"""What we ask of the API, by its own command line."""

import json
import os
import subprocess
from typing import Any

from tests.cluster import build
from tests.cluster.place import ClusterError, kubeconfig


def kubectl(*arguments: str, given: str | None = None, timeout: float = 180) -> str:
    """What `kubectl` prints.

    Raises:
        ClusterError: It failed; the message is its own.
    """
    done = subprocess.run(
        [build.program("kube"), "kubectl", *arguments],
        env=os.environ | {"KUBECONFIG": str(kubeconfig())},
        input=given,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def get(*arguments: str) -> dict[str, Any]:
    """An object, or a list of them, as the API has it."""
    return json.loads(kubectl("get", *arguments, "-o", "json"))


def apply_objects(*objects: dict[str, Any]) -> None:
    """Apply objects that are made here."""
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=json.dumps(listed))


def rolled_out(deployment: str, namespace: str, seconds: int = 180) -> None:
    """Wait until the deployment's pods are ready."""
    kubectl(
        "rollout", "status", f"deployment/{deployment}", "-n", namespace, f"--timeout={seconds}s", timeout=seconds + 10
    )


def ask(question: dict[str, Any]) -> dict[str, Any]:
    """The API's answer to a review, which is an object with its status filled in."""
    return json.loads(kubectl("create", "-f", "-", "-o", "json", given=json.dumps(question)))
