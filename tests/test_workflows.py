"""What is deployed is what the Python says, and it is safe to deploy."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from jobs import topics
from jobs.cli import command_line
from workflows.__main__ import BASE, MANIFESTS, rendered, services
from workflows.service import service
from workflows.step import step

INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
every_manifest = pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in rendered().items()])
every_template = pytest.mark.parametrize(
    "template",
    [
        pytest.param(template, id=f"{name}-{template['name']}")
        for name, text in rendered().items()
        for template in yaml.safe_load(text)["spec"].get("templates", [])
        if "container" in template
    ],
)
every_service = pytest.mark.parametrize(
    "manifests",
    [pytest.param([*yaml.safe_load_all(text)], id=path) for path, text in services().items() if "Deployment" in text],
)


def test_manifests_are_current() -> None:
    """`make render` would change nothing."""
    assert {path.name: path.read_text() for path in MANIFESTS.iterdir()} == rendered()
    folders = {BASE / path.partition("/")[0] for path in services()}
    there = {str(path.relative_to(BASE)): path.read_text() for folder in folders for path in folder.iterdir()}
    assert there == services()


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """Argo's published schema, from the module of the version that the cluster tier runs."""
    if not (go := shutil.which("go")):
        pytest.skip("no go on this machine: Argo's schema comes with its module")
    module = "github.com/argoproj/argo-workflows/v3@v3.7.3"
    said = subprocess.run([go, "mod", "download", "-json", module], cwd="/", capture_output=True, check=True)
    found = json.loads(Path(json.loads(said.stdout)["Dir"], "api/jsonschema/schema.json").read_text())
    # The schema calls an int-or-string a string; the custom resource definition takes both.
    found["definitions"][INT_OR_STRING]["type"] = ["string", "integer"]
    return found


@every_manifest
def test_a_manifest_keeps_argos_schema(text: str, schema: dict[str, Any]) -> None:
    manifest = yaml.safe_load(text)
    kind = f"io.argoproj.workflow.v1alpha1.{manifest['kind']}"

    jsonschema.validate(manifest, {**schema["definitions"][kind], "definitions": schema["definitions"]})


@every_template
def test_a_container_has_no_privileges(template: dict[str, Any]) -> None:
    context = template["container"]["securityContext"]

    assert context["runAsNonRoot"] is True
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}


@every_template
def test_a_step_is_bounded_and_tried_again(template: dict[str, Any]) -> None:
    resources = template["container"]["resources"]

    assert template["activeDeadlineSeconds"] > 0
    assert template["retryStrategy"]["limit"] > 0
    assert resources["requests"].keys() == {"cpu", "memory"}
    assert resources["limits"].keys() == {"memory"}


@every_manifest
def test_a_workflow_cleans_up_after_itself(text: str) -> None:
    spec = yaml.safe_load(text)["spec"]
    if "workflowSpec" in spec:
        assert spec["concurrencyPolicy"] == "Forbid"
        return

    assert spec["podGC"]["strategy"] == "OnPodSuccess"
    assert spec["ttlStrategy"]["secondsAfterSuccess"] > 0
    assert spec["ttlStrategy"]["secondsAfterFailure"] > 0
    assert spec["activeDeadlineSeconds"] > 0
    assert spec["onExit"] == "runs-report"


@every_service  # what else is asked of them is in tests/test_manifests.py
def test_a_service_listens_where_it_is_asked_and_its_job_knows_its_options(manifests: list[dict[str, Any]]) -> None:
    (container,) = manifests[0]["spec"]["template"]["spec"]["containers"]
    _, noun, verb = container["command"]
    _, bound, _ = command_line([noun]).parse_args([noun, verb, *container["args"]])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    for kind, path in (("startup", "/healthz"), ("liveness", "/healthz"), ("readiness", "/readyz")):
        asked = container[f"{kind}Probe"]["httpGet"]
        assert (asked["path"], ports[asked["port"]]) == (path, bound.arguments["port"])
    assert (bound.arguments["host"], bound.arguments["exposed"]) == ("0.0.0.0", True)  # noqa: S104


def test_compose_runs_the_same_services() -> None:
    """Those of a profile, beside the stack itself: the same commands, in the image of this version."""
    root = BASE.parents[1]
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    composed = yaml.safe_load((root / "stack/compose.yaml").read_text())["services"]
    deployed = [next(yaml.safe_load_all(text)) for path, text in services().items() if "Deployment" in text]
    for each in deployed:
        (container,) = each["spec"]["template"]["spec"]["containers"]
        found = composed[each["metadata"]["name"]]
        words = [*container["command"][1:], *container["args"]]
        assert [*found["command"][:2], *sorted(found["command"][2:])] == [*words[:2], *sorted(words[2:])]
        assert found["image"] == f"headrace/{container['image']}:{version}"
    settings = next(yaml.safe_load_all(services()["transactions/config.yaml"]))["data"]
    assert {name: str(value) for name, value in composed["transactions-consumer"]["environment"].items()} == settings


def test_a_misspelt_argument_is_an_error_when_rendering() -> None:
    with pytest.raises(TypeError, match="fiel"):
        step(topics.apply, fiel="x")
    with pytest.raises(TypeError, match="prot"):
        service(topics.apply, "x", config="x", replicas=1, prot=1)
