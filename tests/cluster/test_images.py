"""An image of this tier holds what its Dockerfile says: the same packages, files, user and entry point."""

import json
import re
import tarfile
from pathlib import Path

import pytest

from tests.cluster import images, pods
from tests.cluster.dockerfile import read
from tests.cluster.place import ROOT

LOOK = """
import importlib.metadata, json, os, re, sys
print(json.dumps({
    "packages": {
        re.sub("[-_.]+", "-", each.metadata["Name"]).lower(): each.version
        for each in importlib.metadata.distributions()
    },
    "python": "%d.%d" % sys.version_info[:2],
    "user": f"{os.getuid()}:{os.getgid()}",
    "environment": dict(os.environ),
    "folder": os.getcwd(),
}))
"""


def pinned(lock: Path) -> dict[str, str]:
    """What a lock pins; image locks have no markers, for they are made for one Python on one platform."""
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\n]+) *\\\\?$", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", images.names())
def test_the_image_holds_what_its_dockerfile_says(name: str) -> None:
    source = read(ROOT / "images" / name / "Dockerfile")
    image = images.project(name)
    config = json.loads(image.config)["config"]
    assert [config["Entrypoint"], config["User"], config["WorkingDir"]] == [["headrace"], "10001:10001", "/app"]
    copied = [each.words[1] for each in source.instructions if each.verb == "COPY"]
    files: dict[str, bytes | None] = {}
    for layer in image.layers:
        with tarfile.open(layer.path) as tar:
            for entry in tar:
                wanted = entry.isfile() and f"/{entry.name}".startswith(("/app/", *copied))
                opened = tar.extractfile(entry) if wanted else None
                if opened:
                    files[f"/{entry.name}"] = opened.read()
    expected: dict[str, bytes] = {}
    for instruction in source.instructions:
        if instruction.verb == "COPY":
            origin, target = instruction.words
            for file in [ROOT / origin] if (ROOT / origin).is_file() else (ROOT / origin).rglob("*"):
                if file.is_file() and "__pycache__" not in file.parts:
                    inner = file.relative_to(ROOT / origin)
                    expected[str(Path(target) / inner) if inner.name else target] = file.read_bytes()
    assert files == expected


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("name", images.names())
def test_a_container_of_it_finds_exactly_the_locked_packages(name: str) -> None:
    source = read(ROOT / "images" / name / "Dockerfile")
    ended = pods.run(images.tag(name), "python", "-c", LOOK)
    assert ended.phase == "Succeeded", ended.story
    seen = json.loads(ended.story)
    assert seen["packages"] == pinned(ROOT / "images" / name / "requirements.lock")
    assert seen["python"] == source.python
    assert seen["folder"] == "/app"
    assert seen["environment"].items() >= source.environment.items()


@pytest.mark.parametrize("name", images.names())
def test_its_lock_pins_what_the_project_pins(name: str) -> None:
    whole = (ROOT / "requirements.lock").read_text()
    pairs = set(re.findall(r"^([a-z0-9.-]+)==(\S+)", whole, re.MULTILINE))
    lock = pinned(ROOT / "images" / name / "requirements.lock")
    assert lock
    assert set(lock.items()) <= pairs


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("name", images.names())
def test_the_jobs_command_line_is_in_it(name: str) -> None:
    ended = pods.run(images.tag(name), "headrace", "cluster", "check", "--help")
    assert ended.phase == "Succeeded", ended.story
    assert "headrace cluster check" in ended.story


@pytest.mark.usefixtures("cluster")
def test_spark_runs_in_its_image_with_its_jars() -> None:
    script = (
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false')"
        ".config('spark.ui.showConsoleProgress', 'false')"
        ".config('spark.driver.bindAddress', '127.0.0.1').config('spark.driver.host', '127.0.0.1')"
        ".config('spark.driver.extraClassPath', '/opt/jars/*')"
        ".config('spark.sql.extensions', 'io.delta.sql.DeltaSparkSessionExtension')"
        ".config('spark.sql.catalog.spark_catalog', 'org.apache.spark.sql.delta.catalog.DeltaCatalog').getOrCreate()\n"
        "spark.range(10).write.format('delta').save('/tmp/t')\n"
        "print(spark.read.format('delta').load('/tmp/t').count())\n"
    )
    made = pods.pod(images.tag("spark"), "python", "-c", script)
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - of a container
    made["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    ended = pods.run_pod(made)
    assert ended.phase == "Succeeded", ended.story
    assert ended.story.splitlines()[-1] == "10"
