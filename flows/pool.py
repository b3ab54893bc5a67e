"""Our Kubernetes work pool: prefect-kubernetes' base job template, with what a restricted namespace asks for.

`python -m flows.pool` writes it to k8s/base/prefect, from where the worker declares the pool.
"""

import json
from pathlib import Path
from typing import Any

from prefect_kubernetes.worker import KubernetesWorker

from workflows.step import labels

TEMPLATE = Path(__file__).parents[1] / "k8s/base/prefect/base-job-template.json"
DEFAULTS = {
    "namespace": "headrace",
    "service_account_name": "flow",
    "finished_job_ttl": 24 * 60 * 60,
    "pod_watch_timeout_seconds": 300,
    "cpu_request": "250m",
    "memory_request": "512Mi",
    "memory_limit": "512Mi",
}


def template() -> dict[str, Any]:
    """The base job template: a deployment must name its image, all else has a default."""
    made = KubernetesWorker.get_default_base_job_template()
    variables = made["variables"]
    for name, value in DEFAULTS.items():
        variables["properties"][name]["default"] = value
    variables["properties"]["image"] = {"title": "Image", "type": "string", "description": "The image of the flows."}
    variables["required"] = ["image"]
    of_pods = made["job_configuration"]["job_manifest"]["spec"]["template"]
    of_pods["metadata"] = {"labels": labels(["kubernetes", "prefect"])}
    pod = of_pods["spec"]
    pod["automountServiceAccountToken"] = True
    pod["securityContext"] = {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod["volumes"] = [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
    pod["containers"][0] |= {
        "command": ["/usr/bin/env"],  # our images' entrypoint is headrace, and Prefect gives arguments only
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    return made


def rendered() -> str:
    """The same as the file holds it."""
    return json.dumps(template(), indent=2) + "\n"


if __name__ == "__main__":
    TEMPLATE.write_text(rendered())
