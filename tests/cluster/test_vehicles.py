"""`vehicles` on a real Argo, its tables on the volume of 10 GiB: each driver is its pod, and gold is the local one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import kube, services
from tests.cluster.place import state
from tests.cluster.workflows import NAMESPACE, finished, pods, submit
from tests.services.copies import Copy
from tests.services.test_vehicles import Topic, books

STEPS = [
    "cluster-check",
    "topics-apply",
    "replay-send",
    "bronze-load",
    "silver-clean",
    "gold-build",
    "ledger-verify",
    "runs-report",
]
COUNT, SEED = "3000", "11"
SHORT = {"spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"}  # a driver lives for seconds here


@pytest.fixture
def on_the_volume(carried: Copy) -> Iterator[Copy]:
    """The steps do their own Spark work, with tables below /lake: what the Secrets `lake` and `spark` say decides."""
    replace("lake", LAKE_URI="/lake")
    replace("spark", SPARK_MASTER="local[2]", SPARK_OPTIONS=json.dumps(SHORT))
    yield carried
    for secret in services.secrets():
        if secret["metadata"]["name"] in ("lake", "spark"):
            replace(secret["metadata"]["name"], **secret["stringData"])


def replace(name: str, **values: str) -> None:
    """A Secret with these values and no others."""
    kube.kubectl("delete", "secret", name, "-n", NAMESPACE, "--ignore-not-found")
    metadata = {"name": name, "namespace": NAMESPACE}
    kube.apply_objects({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})


def gold(books: dict[str, Any]) -> tuple[Any, ...]:
    """What does not depend on the topic's name: the counts, and the rows of gold."""
    return books["counts"], books["hashes"][-1]


def test_each_step_is_a_pod_and_the_tables_are_those_of_the_local_run(on_the_volume: Copy) -> None:
    topic, local = Topic(on_the_volume), Topic(on_the_volume)

    status = finished(submit("vehicles", topic=topic.name, count=COUNT, seed=SEED))

    assert status["phase"] == "Succeeded", status.get("message")
    assert [*pods(status)] == STEPS
    assert kube.get("pvc", "lake", "-n", NAMESPACE)["status"]["phase"] == "Bound"
    given = [f"--param=topic={local.name}", f"--param=count={COUNT}", f"--param=seed={SEED}"]
    here = on_the_volume.headrace("run", "vehicles", *given)
    assert here.returncode == 0, here.stderr
    there = books(on_the_volume, topic.name, LAKE_URI=str(state() / "lake"))
    assert gold(there) == gold(books(on_the_volume, local.name))
    assert there["counts"]["silver"] == int(COUNT)
