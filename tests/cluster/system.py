"""What runs in every cluster of ours: names, workflows, and the namespace that holds them."""

import os
import shutil

from tests.cluster import build, kube, services
from tests.cluster.place import CONF, state


def install_names() -> None:
    """CoreDNS, which the kubelet names to every pod."""
    text = (CONF / "coredns.yaml").read_text()
    image = f"headrace/coredns:{build.COREDNS.version}"
    kube.kubectl("apply", "--server-side", "-f", "-", given=text.replace("COREDNS", image))


def install_argo() -> None:
    """Argo's own definitions, in full, and its controller, from the manifests of its module."""
    manifests = build.argo_source() / "manifests"
    kube.kubectl("apply", "--server-side", "-k", str(manifests / "base/crds/full"))
    folder = state() / "argo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = (CONF / "argo.yaml").read_text()
    text = text.replace("MANIFESTS", os.path.relpath(manifests, folder)).replace("VERSION", build.ARGO_MODULE.version)
    (folder / "kustomization.yaml").write_text(text)
    kube.apply_objects({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argo"}})
    kube.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    kube.kubectl("apply", "--server-side", "-k", str(folder))


def install_namespaces() -> None:
    """`headrace`, which enforces the restricted Pod Security Standard, and `stack`, the host's services by name."""
    kube.apply("headrace.yaml")
    kube.apply_objects(*services.objects(), *services.secrets())


def await_ready() -> None:
    """Wait for the deployments."""
    kube.rolled_out("coredns", "kube-system")
    kube.rolled_out("workflow-controller", "argo")
