"""What Kubernetes is given beside the workflows: it is what the API takes, it is safe, and it fits the jobs."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from jobs.catalogue import all_jobs
from jobs.job import Job, flag
from jobs.rabbit.draining import GRACE
from tests import scaling

K8S = Path(__file__).parents[1] / "k8s"
BASE = K8S / "base"
PIPELINES = (BASE / "documents", BASE / "transactions", BASE / "vehicles")
OPERATORS = sorted(path.parent for path in K8S.glob("operators/*/kustomization.yaml"))
KUBERNETES, KEDA = "k8s.io/kubernetes@v1.34.4", "github.com/kedacore/keda/v2@v2.21.0"
SERVERS = ("Deployment", "StatefulSet")
UNITS = {"Mi": 1, "Gi": 1024}
Object = dict[str, Any]


def kustomization(folder: Path) -> Object:
    return yaml.safe_load((folder / "kustomization.yaml").read_text())


def objects(folder: Path) -> Iterator[tuple[Path, Object]]:
    """All but the workflows."""
    for name in kustomization(folder)["resources"]:
        if not name.startswith("workflows/"):
            yield from ((folder / name, each) for each in yaml.safe_load_all((folder / name).read_text()))


ALL = [*objects(BASE)]
WORKLOADS = [each for _, each in ALL if "template" in each.get("spec", {})]
every_object = pytest.mark.parametrize(
    "made", [pytest.param(each, id=f"{each['kind']}-{each['metadata']['name']}") for _, each in ALL]
)
every_workload = pytest.mark.parametrize(
    "made", [pytest.param(each, id=f"{each['kind']}-{each['metadata']['name']}") for each in WORKLOADS]
)


def named(kind: str, name: str) -> Object:
    return next(each for _, each in ALL if (each["kind"], each["metadata"]["name"]) == (kind, name))


def pod(made: Object) -> Object:
    return made["spec"]["template"]["spec"]


def containers(made: Object) -> list[Object]:
    return [*pod(made).get("initContainers", []), *pod(made)["containers"]]


def secrets(container: Object) -> set[str]:
    """The Secrets without which a container does not start: as its environment, whole or by one key."""
    named = [each["secretRef"] for each in container.get("envFrom", []) if "secretRef" in each]
    whole = {each["name"] for each in named if not each.get("optional")}
    keys = [each["valueFrom"] for each in container.get("env", []) if "valueFrom" in each]
    return whole | {each["secretKeyRef"]["name"] for each in keys if "secretKeyRef" in each}


def mebibytes(text: str) -> int:
    return int(text[:-2]) * UNITS[text[-2:]]


@cache
def module(name: str) -> Path:
    """The folder of a published module, from which the cluster tier builds too."""
    if not (go := shutil.which("go")):
        pytest.skip("no go on this machine: the schemas come with modules")
    said = subprocess.run([go, "mod", "download", "-json", name], cwd="/", capture_output=True, check=True)
    return Path(json.loads(said.stdout)["Dir"])


@cache
def kubernetes() -> tuple[Object, jsonschema.Draft4Validator]:
    """Kubernetes' own definitions, strictly: what they don't know is a mistake."""
    found = json.loads((module(KUBERNETES) / "api/openapi-spec/swagger.json").read_text())["definitions"]
    for each in found.values():
        if "properties" in each:
            each.setdefault("additionalProperties", False)
        if each.get("format") == "int-or-string":  # it is called a string, and may be either
            each["type"] = ["string", "integer"]
        elif each.get("description", "").startswith("Quantity is"):
            each["type"] = ["string", "number"]
    return found, jsonschema.Draft4Validator({"definitions": found})


@every_object
def test_an_object_is_what_kubernetes_takes(made: Object) -> None:
    group, _, version = made["apiVersion"].rpartition("/")
    kind = {"group": group, "kind": made["kind"], "version": version}
    definitions, known = kubernetes()
    name = next(name for name, each in definitions.items() if kind in each.get("x-kubernetes-group-version-kind", []))

    known.evolve(schema={"$ref": f"#/definitions/{name}"}).validate(made)


@every_workload
def test_a_pod_has_no_privileges(made: Object) -> None:
    context = pod(made)["securityContext"]

    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in containers(made):
        own = each["securityContext"]
        assert own["readOnlyRootFilesystem"] is own["runAsNonRoot"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}


@every_workload
def test_a_container_is_bounded_and_who_listens_is_looked_after(made: Object) -> None:
    for each in containers(made):
        asked, most = each["resources"]["requests"], each["resources"]["limits"]
        assert asked.keys() == {"cpu", "memory"}
        assert most == {"memory": asked["memory"]}
        assert re.search(r":\d[\w.-]+$", each["image"]) or each["image"] in {job.image for job in all_jobs()} | {
            "flows"
        }
        assert "ports" not in each or {"readinessProbe", "livenessProbe"} <= each.keys()


@pytest.mark.parametrize(
    "made",
    [each for path, each in ALL if path.parent in PIPELINES and each["kind"] in SERVERS],
    ids=lambda made: made["metadata"]["name"],
)
def test_a_drained_node_takes_one_replica_at_most(made: Object) -> None:
    budget = named("PodDisruptionBudget", made["metadata"]["name"])["spec"]
    assert budget == {"maxUnavailable": 1, "selector": made["spec"]["selector"]}
    own = made["spec"]["template"]["metadata"]["labels"]
    assert made["spec"]["selector"]["matchLabels"].items() <= own.items()


@every_workload
def test_what_is_secret_is_named_and_not_written(made: Object) -> None:
    said = (BASE / "kustomization.yaml").read_text().split("apiVersion")[0]
    volumes = {each["secret"]["secretName"] for each in pod(made).get("volumes", []) if "secret" in each}
    for name in volumes.union(*map(secrets, containers(made))):
        assert re.search(rf"\b{name}\b", said), f"the kustomization does not say that the Secret {name} must be there"
    written = [each for one in containers(made) for each in one.get("env", []) if "value" in each]
    assert not [each["name"] for each in written if re.search("PASS|TOKEN", each["name"])]


@every_workload
def test_what_is_mounted_is_there(made: Object) -> None:
    generated = {
        each["name"]: {Path(file).name for file in each["files"]} for each in kustomization(BASE)["configMapGenerator"]
    }
    for volume in pod(made).get("volumes", []):
        if "configMap" in volume:
            keys = generated[volume["configMap"]["name"]]
            mounts = [
                mount for each in containers(made) for mount in each["volumeMounts"] if mount["name"] == volume["name"]
            ]
            assert {mount["subPath"] for mount in mounts if "subPath" in mount} <= keys


JOBS = [each for made in WORKLOADS for each in pod(made)["containers"] if each.get("command", [""])[0] == "headrace"]


@pytest.mark.parametrize("container", JOBS, ids=lambda container: "-".join(container["command"][1:3]))
def test_a_job_is_run_as_it_is_declared(container: Object) -> None:
    noun, verb, *values = container["command"][1:]
    job: Job[..., Any] = next(each for each in all_jobs() if (each.noun, each.verb) == (noun, verb))

    given = {each.partition("=")[0] for each in container.get("args", [])}
    assert given <= {flag(name) for name in job.options}
    assert len(values) <= len(job.options)
    assert (container["image"], secrets(container)) == (job.image, set(job.needs))
    assert mebibytes(container["resources"]["requests"]["memory"]) >= mebibytes(job.memory)


def test_the_drain_may_end_its_batches() -> None:
    drain = named("Deployment", "drain")
    assert pod(drain)["terminationGracePeriodSeconds"] >= 2 * GRACE + 10
    assert "replicas" not in drain["spec"], "each `kubectl apply` would undo what the autoscaler did"


def test_the_objects_of_operators_are_what_they_take() -> None:
    for made in (each for _, each in objects(K8S / "operators/keda")):
        file = module(KEDA) / f"config/crd/bases/keda.sh_{made['kind'].lower()}s.yaml"
        version = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)["spec"]["versions"][0]
        schema = version["schema"]["openAPIV3Schema"]
        jsonschema.validate(made, schema)
        assert made["apiVersion"] == f"keda.sh/{version['name']}"
        assert made["spec"].keys() <= schema["properties"]["spec"]["properties"].keys()


def test_the_drain_is_scaled_by_its_own_queue() -> None:
    spec, drain = scaling.scaled(), named("Deployment", "drain")
    (container,) = pod(drain)["containers"]
    said = scaling.trigger("rabbitmq")
    (key,) = [
        each
        for _, each in objects(K8S / "operators/keda")
        if each["metadata"]["name"] == said["authenticationRef"]["name"]
    ]
    service = named("Service", "rabbitmq")

    assert spec["scaleTargetRef"]["name"] == drain["metadata"]["name"]
    assert f"--queue={said['metadata']['queueName']}" in container["args"]
    (port,) = [each["port"] for each in service["spec"]["ports"] if each["name"] == "management"]
    assert said["metadata"]["host"] == f"http://rabbitmq.headrace.svc:{port}"
    assert {(each["name"], each["key"]) for each in key["spec"]["secretTargetRef"]} == {
        ("rabbitmq", "RABBITMQ_USERNAME"),
        ("rabbitmq", "RABBITMQ_PASSWORD"),
    }
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 10)
    assert spec["pollingInterval"] <= 15
    assert spec["cooldownPeriod"] == behaviour["scaleDown"]["stabilizationWindowSeconds"] == 60
    assert behaviour["scaleUp"]["stabilizationWindowSeconds"] == 0


@pytest.mark.parametrize(
    "now, messages, cpu, memory, wanted",
    [
        (1, 0, 0, 0, 1),
        (1, 10, 50, 50, 1),
        (1, 11, 0, 0, 2),
        (2, 21, 0, 0, 2),  # within a tenth of the target
        (1, 95, 0, 0, 10),
        (1, 100_000, 0, 0, 10),
        (4, 25, 0, 0, 3),
        (10, 0, 5, 5, 1),
        (2, 0, 140, 0, 4),
        (2, 20, 0, 120, 3),
        (9, 0, 100, 0, 10),
    ],
)
def test_how_many_workers_are_wanted(now: int, messages: int, cpu: float, memory: float, wanted: int) -> None:
    assert scaling.replicas(now, messages, cpu=cpu, memory=memory) == wanted


@pytest.mark.parametrize("folder", [BASE, *OPERATORS], ids=lambda folder: folder.name)
def test_kustomize_builds_it(folder: Path) -> None:
    if not (kubectl := shutil.which("kubectl")):
        pytest.skip("no kubectl on this machine")
    said = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, check=False, text=True)
    assert said.returncode == 0, said.stderr
    made = [*yaml.safe_load_all(said.stdout)]
    assert {each["metadata"].get("namespace", "headrace") for each in made} == {"headrace"}
    if folder == BASE:
        groups = {each["apiVersion"].partition("/")[0] for each in made}
        assert {each for each in groups if "." in each and not each.endswith(".k8s.io")} == {"argoproj.io"}
