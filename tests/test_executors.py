"""What Spark is told when the driver is a pod and its executors are to be pods."""

from pathlib import Path

import pytest

from jobs import executors
from jobs.errors import JobError
from jobs.settings import Spark

POD = {
    "SPARK_MASTER": "k8s://https://kubernetes.default.svc",
    "SPARK_IMAGE": "registry.example/spark:1",
    "SPARK_NAMESPACE": "headrace",
    "SPARK_DRIVER_HOST": "10.0.0.7",
    "SPARK_DRIVER_POD": "messages-x-bronze-load-1",
}


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in POD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize(("master", "expected"), [(POD["SPARK_MASTER"], True), ("local[*]", False)])
def test_only_a_kubernetes_master_has_executors_of_its_own(
    monkeypatch: pytest.MonkeyPatch, master: str, *, expected: bool
) -> None:
    monkeypatch.setenv("SPARK_MASTER", master)
    assert executors.wanted(Spark()) is expected


@pytest.mark.usefixtures("pod")
def test_executors_find_the_driver_and_are_its_own() -> None:
    options = executors.options(Spark())
    assert options["spark.driver.host"] == "10.0.0.7"
    assert options["spark.kubernetes.driver.pod.name"] == "messages-x-bronze-load-1"
    assert options["spark.kubernetes.namespace"] == "headrace"
    assert options["spark.kubernetes.container.image"] == "registry.example/spark:1"
    assert options["spark.executor.instances"] == "2"


def test_jars_are_on_both_class_paths(pod: pytest.MonkeyPatch) -> None:
    pod.setenv("SPARK_JARS", "/opt/jars")
    options = executors.options(Spark())
    assert options["spark.driver.extraClassPath"] == options["spark.executor.extraClassPath"] == "/opt/jars/*"
    assert "spark.jars" not in options


def test_a_pod_that_does_not_know_itself_is_told_what_lacks(pod: pytest.MonkeyPatch) -> None:
    pod.delenv("SPARK_DRIVER_HOST")
    pod.setenv("SPARK_IMAGE", "")
    with pytest.raises(JobError, match="SPARK_IMAGE, SPARK_DRIVER_HOST is not set"):
        executors.options(Spark())


def test_the_template_of_executors_is_where_the_image_has_it() -> None:
    dockerfile = Path("images/spark/Dockerfile").read_text()
    assert f"COPY images/spark/executor.yaml {Spark.model_fields['executor_template'].default}" in dockerfile
