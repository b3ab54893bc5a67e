"""A job that goes on for long, as a Deployment: it is asked how it is, and few of its pods may be away at once."""

import inspect
from typing import Any

from jobs.job import Job
from workflows.step import POD, POD_SECURITY, SECURITY, args, labels

PORT = 9467
Manifest = dict[str, Any]


def service(
    job: Job[..., Any], name: str, *, config: str = "", replicas: int = 0, alone: bool = False, **options: Any
) -> list[Manifest]:
    """The Deployment of a job, and its PodDisruptionBudget.

    Its environment is the ConfigMap, then the Secrets of the services that the job needs, then, where there is one, the
    Secret that bears its own name: the user that may do no more than this job does. What comes later counts. A job that
    needs Spark may be a driver that starts executors, so it has the account for that (k8s/base/spark.yaml).

    Args:
        job: It must have the options `host`, `port` and `exposed`, and answer at /healthz, /readyz and /metrics.
        name: Its pods' name.
        config: The ConfigMap of its settings, if there is one.
        replicas: How many pods; 0 leaves that to who scales it, so that no `kubectl apply` undoes it.
        alone: A new pod is started only after the old one is gone.
        options: The job's.

    Raises:
        TypeError: The job has no option of that name.
    """
    given = {**options, "host": "0.0.0.0", "port": PORT, "exposed": True}  # noqa: S104 - a pod's probes come from outside
    inspect.signature(job.run).bind_partial(**given)
    app, driver = {"app": name}, "spark" in job.needs
    reach = labels([*job.needs, *(["kubernetes"] if driver else [])])
    settings = [{"configMapRef": {"name": config}}] if config else []
    itself = [{"name": each, "valueFrom": {"fieldRef": {"fieldPath": path}}} for each, path in POD.items()]
    container = {
        "name": "job",
        "image": job.image,
        "command": job.command,
        "args": args(**given),
        **({"env": itself} if driver else {}),
        "envFrom": [
            *settings,
            *({"secretRef": {"name": need}} for need in job.needs),
            {"secretRef": {"name": name, "optional": True}},
        ],
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "startupProbe": _probe("/healthz", every=5, failures=60),
        "livenessProbe": _probe("/healthz", every=20, failures=3),
        "readinessProbe": _probe("/readyz", every=5, failures=2),
        "resources": {"requests": {"cpu": job.cpu, "memory": job.memory}, "limits": {"memory": job.memory}},
        "securityContext": SECURITY.model_dump(by_alias=True, exclude_none=True),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    pod = {
        **({"serviceAccountName": "spark"} if driver else {}),
        "automountServiceAccountToken": driver,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": POD_SECURITY.model_dump(by_alias=True, exclude_none=True),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi" if driver else "64Mi"}}],
    }
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT)}
    deployment = {
        **({"replicas": replicas} if replicas else {}),
        "strategy": {"type": "Recreate" if alone else "RollingUpdate"},
        "selector": {"matchLabels": app},
        "template": {"metadata": {"labels": app | reach, "annotations": scraped}, "spec": pod},
    }
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": app}}
    return [
        _manifest("apps/v1", "Deployment", name, app, spec=deployment),
        _manifest("policy/v1", "PodDisruptionBudget", name, app, spec=budget),
    ]


def config(name: str, **values: str) -> list[Manifest]:
    """The ConfigMap of settings that are no secret."""
    return [_manifest("v1", "ConfigMap", name, {"app": name}, data=values)]


def _manifest(api: str, kind: str, name: str, labels: dict[str, str], **rest: Manifest) -> Manifest:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": labels}, **rest}


def _probe(path: str, *, every: int, failures: int) -> Manifest:
    return {"httpGet": {"path": path, "port": "metrics"}, "periodSeconds": every, "failureThreshold": failures}
