"""What is deployed is what the Python says, and it is safe to deploy."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from jobs import topics
from workflows.__main__ import MANIFESTS, rendered
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


def test_manifests_are_current() -> None:
    """`make render` would change nothing."""
    assert {path.name: path.read_text() for path in MANIFESTS.iterdir()} == rendered()


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


def test_a_misspelt_argument_is_an_error_when_rendering() -> None:
    with pytest.raises(TypeError, match="fiel"):
        step(topics.apply, fiel="x")
