"""What runs in every cluster of ours: names, workflows, and the namespace that holds them."""

import json
import os
from pathlib import Path
from typing import Any, cast

import yaml

from tests.cluster import build, images, kube, services
from tests.cluster.place import CONF, ROOT, state

IDLE = ("prefect-worker", "rabbitmq", "mongodb", "drain", "api", "transactions-producer", "transactions-consumer")
"""What runs only while its test does: the worker; or not at all, where nobody has its images or its Secrets."""


def install_names() -> None:
    """CoreDNS, which the kubelet names to every pod."""
    text = (CONF / "coredns.yaml").read_text()
    image = f"headrace/coredns:{build.COREDNS.version}"
    kube.kubectl("apply", "--server-side", "-f", "-", given=text.replace("COREDNS", image))


def definitions() -> Path:
    """Argo's definitions with every rule, but without the descriptions, which take most of the API server's time."""
    written = build.argo_source().parent / "definitions.json"
    if not written.exists():
        found = sorted((build.argo_source() / "manifests/base/crds/full").glob("argoproj.io_*.yaml"))
        items = [_undescribed(yaml.load(file.read_text(), Loader=yaml.CSafeLoader)) for file in found]
        unfinished = written.with_suffix(".part")
        unfinished.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        unfinished.rename(written)
    return written


def _undescribed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_undescribed(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    # A property may itself be called `description`; then it is not a text.
    return {name: _undescribed(value) for name, value in fields.items() if (name, type(value)) != ("description", str)}


def install_argo() -> None:
    """Argo's own definitions, in full, and its controller, from the manifests of its module."""
    kube.kubectl("create", "-f", str(definitions()))
    manifests = build.argo_source() / "manifests"
    text = (CONF / "argo.yaml").read_text().replace("VERSION", build.ARGO_MODULE.version)
    applied = _kustomization("argo", text.replace("MANIFESTS", os.path.relpath(manifests, state() / "argo")))
    kube.apply_objects({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argo"}})
    kube.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    kube.kubectl("apply", "--server-side", "-k", str(applied))


def install_headrace() -> None:
    """All of k8s/base, with the images and the Secrets of this cluster, and the host's services by name."""
    base = os.path.relpath(ROOT / "k8s/base", state() / "headrace")
    chosen = [dict(zip(("newName", "newTag"), images.tag(name).split(":"), strict=True)) for name in images.names()]
    named = [{"name": name, **image} for name, image in zip(images.names(), chosen, strict=True)]
    idle = [{"name": name, "count": 0} for name in IDLE]
    suspend = '[{"op": "add", "path": "/spec/suspend", "value": true}]'
    asleep = [{"target": {"kind": kind}, "patch": suspend} for kind in ("CronWorkflow", "Job")]
    changed = {"images": named, "replicas": idle, "patches": asleep}
    applied = _kustomization("headrace", json.dumps({"resources": [base], **changed}))
    kube.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(applied))
    kube.apply_objects(_volume(), *services.objects(services.offered()), *services.secrets())


def _volume() -> dict[str, Any]:
    """What the claim `lake` gets here, where nothing makes volumes: a folder of this machine."""
    folder = state() / "lake"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "lake"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(folder)},
            "claimRef": {"name": "lake", "namespace": "headrace"},
        },
    }


def _kustomization(name: str, text: str) -> Path:
    """A folder that `kubectl apply -k` takes."""
    folder = state() / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(text)
    return folder


def await_ready() -> None:
    """Wait for the deployments."""
    kube.rolled_out("coredns", "kube-system")
    kube.rolled_out("workflow-controller", "argo")
