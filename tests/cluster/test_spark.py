"""`bronze load` as a driver in its own pod: executors are pods, and the table is the one that Spark Connect makes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.cluster import images, kube
from tests.cluster.workflows import NAMESPACE, finished
from tests.services.copies import ROOT, Copy, eventually
from tests.services.test_lake import Topic, good

MANIFESTS = ROOT / "k8s/base/workflows"
RECORDS = 3000


@pytest.fixture
def topic(carried: Copy) -> Topic:
    made = Topic(carried)
    made.produce(*map(good, range(RECORDS)))
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[str]:
    """A folder of the node that driver and executors share, by the name of its claim. In production: a bucket."""
    name = f"test-{uuid4().hex[:8]}"
    tmp_path.chmod(0o777)
    size = {"storage": "1Gi"}
    kube.apply_objects(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "hostPath": {"path": str(tmp_path)},
                "claimRef": {"name": name, "namespace": NAMESPACE},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "resources": {"requests": size},
                "volumeName": name,
            },
        },
    )
    yield name
    for kind in ("workflow", "secret", "persistentvolumeclaim"):
        kube.kubectl("delete", kind, name, "-n", NAMESPACE, "--wait=false", "--ignore-not-found")
    kube.kubectl("delete", "persistentvolume", name, "--wait=false")


def submit(topic: str, lake: str) -> str:
    """The step of `messages` alone, as it is rendered; the Secrets `spark` and `lake` say that it scales out."""
    mounted = "spark.kubernetes.executor.volumes.persistentVolumeClaim.lake"
    options = {
        f"{mounted}.options.claimName": lake,
        f"{mounted}.mount.path": "/lake",
        "spark.kubernetes.executor.request.cores": "100m",
    }
    scaled = {
        "LAKE_URI": "/lake",
        "SPARK_MASTER": "k8s://https://kubernetes.default.svc",
        "SPARK_IMAGE": images.tag("spark"),
        "SPARK_EXECUTORS": "2",
        "SPARK_EXECUTOR_MEMORY": "512m",
        "SPARK_OPTIONS": json.dumps(options),
    }
    spec = yaml.safe_load((MANIFESTS / "messages.yaml").read_text())["spec"]
    (step,) = (each for each in spec["templates"] if each["name"] == "bronze-load")
    step["container"]["image"] = images.tag("spark")
    step["container"]["envFrom"] = [{"secretRef": {"name": name}} for name in ("kafka", lake)]
    (volume,) = (each for each in spec["volumes"] if each["name"] == "lake")
    volume["persistentVolumeClaim"] = {"claimName": lake}
    spec |= {"entrypoint": "bronze-load", "templates": [step]}
    spec["arguments"]["parameters"] = [{"name": "topic", "value": topic}]
    del spec["onExit"]
    kube.apply_objects(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": lake, "namespace": NAMESPACE},
            "stringData": scaled,
        },
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": lake, "namespace": NAMESPACE},
            "spec": spec,
        },
    )
    return lake


def pods(*labels: str) -> list[dict[str, Any]]:
    return kube.get("pods", "-n", NAMESPACE, "-l", ",".join(labels))["items"]


def executors(driver: str) -> list[dict[str, Any]]:
    """The executors of a driver that run."""
    return [
        pod
        for pod in pods("spark-role=executor")
        if driver in [owner["name"] for owner in pod["metadata"]["ownerReferences"]]
        and pod["status"]["phase"] == "Running"
    ]


def test_executors_are_pods_and_the_table_is_the_same(topic: Topic, lake: str, tmp_path: Path) -> None:
    name = submit(topic.name, lake)
    (driver,) = eventually(lambda: [p["metadata"]["name"] for p in pods(f"workflows.argoproj.io/workflow={name}")])
    running = eventually(lambda: found if len(found := executors(driver)) == 2 else [], seconds=180)
    status = finished(name)
    story = kube.kubectl("logs", driver, "-n", NAMESPACE, "-c", "main")

    assert status["phase"] == "Succeeded", story
    assert "forbidden" not in story.lower()
    for pod in running:
        (container,) = pod["spec"]["containers"]
        assert container["image"] == images.tag("spark")
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False
    eventually(lambda: not executors(driver))

    def verified(**environment: str) -> dict[str, Any]:
        """The books, after the rest of the chain has run here."""
        for step in ("silver", "gold"):
            done = topic.stack.headrace(*topic.words(step), **environment)
            assert done.returncode == 0, done.stderr
        done = topic.stack.headrace("ledger", "verify", f"--topic={topic.name}", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    topic.do("bronze")
    here, scaled = verified(), verified(LAKE_URI=str(tmp_path))
    assert scaled["hashes"] == here["hashes"]
    assert scaled["counts"] == here["counts"]
    assert {"bronze": RECORDS, "offsets": RECORDS, "holes": 0}.items() <= here["counts"].items()
