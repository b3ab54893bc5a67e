"""Who may talk to whom on Kubernetes: each way that a job needs is open, and no other is."""

import json
from itertools import product
from typing import Any

import pytest
import yaml

from jobs.catalogue import all_jobs
from tests.reachable import Pod, admitted
from tests.test_manifests import ALL, BASE, K8S, WORKLOADS, containers

POLICIES = [each for _, each in ALL if each["kind"] == "NetworkPolicy"]
JOBS = {("headrace", job.noun, job.verb): job.needs for job in all_jobs()}
OTHERS = {  # what is no job of ours
    "rabbitmq": (),
    "mongodb": (),
    "mongodb-init": ("mongodb",),
    "prefect-worker": ("prefect", "kubernetes"),
}
SERVERS = {
    "kafka": (Pod("kafka", {"strimzi.io/kind": "Kafka"}, ours=False), (9092, 9093, 9094)),
    "connect": (Pod("connect", {"strimzi.io/kind": "KafkaConnect"}, ours=False), (8083,)),
    "prefect": (Pod("prefect", {"app": "prefect-server"}, ours=False), (4200,)),
    "kubernetes": (Pod("API server", ours=False), (443, 6443)),
    "lake": (Pod("bucket", ours=False), (443,)),
    "sqs": (Pod("SQS", ours=False), (443,)),
    "rabbitmq": (Pod("rabbitmq", {"app": "rabbitmq"}), (5672,)),
    "mongodb": (Pod("mongodb", {"app": "mongodb"}), (27017,)),
    "bridge": (Pod("bridge", {"strimzi.io/kind": "KafkaBridge", "needs/kafka": "true"}), (8080,)),
}
NO_LABEL = frozenset({"kubernetes", "lake", "sqs"})  # so whoever needs one may reach this port of all that is outside
NAMES = Pod("DNS", {"k8s-app": "kube-dns"}, ours=False)
EXECUTOR = Pod("executor", {"spark-role": "executor"})
GUESTS = {
    "prometheus": Pod("prometheus", {"app.kubernetes.io/name": "prometheus"}, ours=False),
    "ingress": Pod("ingress", {"app.kubernetes.io/name": "ingress-nginx"}, ours=False),
    "keda": Pod("keda", {"app": "keda-operator"}, ours=False),
    "stranger": Pod("stranger", {"app": "stranger"}, ours=False),
    "client of the bridge": Pod("client of the bridge", {"needs/bridge": "true"}),
}
PORTS = sorted(
    {port for _, ports in SERVERS.values() for port in ports} | {22, 80, 4369, 8080, 9467, 15672, 15692, 25672}
)


def _of_workflows() -> dict[str, tuple[Pod, frozenset[str]]]:
    """The pods of all workflows by what they run: Argo's executor in each talks to Kubernetes."""
    found: dict[str, tuple[Pod, frozenset[str]]] = {}
    for file in sorted(BASE.glob("workflows/*.yaml")):
        spec: dict[str, Any] = yaml.safe_load(file.read_text())["spec"]
        common: dict[str, str] = spec.get("podMetadata", {}).get("labels", {})
        for each in spec.get("templates", []):
            if "container" in each:
                labels: dict[str, str] = common | each.get("metadata", {}).get("labels", {})
                needs = {"kubernetes", *JOBS[*each["container"]["command"]]}
                found[f"{file.stem} {each['name']}"] = Pod(each["name"], labels), frozenset(needs)
    return found


def _of_workloads() -> dict[str, tuple[Pod, frozenset[str]]]:
    found: dict[str, tuple[Pod, frozenset[str]]] = {}
    for made in WORKLOADS:
        name, main = made["metadata"]["name"], containers(made)[-1]
        needs = JOBS[*main["command"][:3]] if main["image"] in ("api", "jobs", "spark") else OTHERS[name]
        drives = {"kubernetes"} if "spark" in needs else set[str]()
        found[name] = Pod(name, made["spec"]["template"]["metadata"]["labels"]), frozenset({*needs, *drives})
    return found


def _flow() -> Pod:
    template = json.loads((BASE / "prefect/base-job-template.json").read_text())["job_configuration"]["job_manifest"]
    return Pod("flow", template["spec"]["template"]["metadata"]["labels"])


CLIENTS = {
    **_of_workflows(),
    **_of_workloads(),
    "flow": (_flow(), frozenset({"prefect", "kubernetes"})),
    "executor": (EXECUTOR, frozenset({"kafka", "lake"})),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_pod_reaches_what_it_needs_and_nothing_else(name: str) -> None:
    client, needs = CLIENTS[name]
    open_ = {(each, port) for each in needs & SERVERS.keys() for port in SERVERS[each][1]}
    outside = [each for each, (server, _) in SERVERS.items() if not server.ours]
    open_ |= {(each, port) for need in needs & NO_LABEL for port in SERVERS[need][1] for each in outside}
    inner = {"rabbitmq": {("rabbitmq", 4369), ("rabbitmq", 25672)}, "mongodb": {("mongodb", 27017)}}

    found = {
        (each, port)
        for (each, (server, _)), port in product(SERVERS.items(), PORTS)
        if admitted(POLICIES, client, server, port)
    }
    assert found == open_ | inner.get(name, set())
    assert admitted(POLICIES, client, NAMES, 53, "UDP")
    assert admitted(POLICIES, client, NAMES, 53, "TCP")
    assert not admitted(POLICIES, client, GUESTS["stranger"], 8080)


@pytest.mark.parametrize("name", CLIENTS)
def test_only_drivers_and_their_executors_talk_as_they_like(name: str) -> None:
    client, needs = CLIENTS[name]
    expected = "spark" in needs or name == "executor"

    assert admitted(POLICIES, client, EXECUTOR, 40_000) is expected
    assert admitted(POLICIES, EXECUTOR, client, 40_000) is expected


@pytest.mark.parametrize("name", GUESTS)
def test_who_comes_from_elsewhere_finds_one_door(name: str) -> None:
    ours = {each: CLIENTS[each][0] for each in _of_workloads()} | {"executor": EXECUTOR, "bridge": SERVERS["bridge"][0]}
    found = {
        (each, port)
        for (each, server), port in product(ours.items(), PORTS)
        if admitted(POLICIES, GUESTS[name], server, port)
    }
    watched = {(each, port) for each, port in product(ours, (9467, 15692))}
    doors: dict[str, set[tuple[str, int]]] = {
        "prometheus": watched | {("api", 8080)},
        "ingress": {("api", 8080)},
        "keda": {("rabbitmq", 15672)},
        "stranger": set(),
        "client of the bridge": {("bridge", 8080)},
    }
    assert found == doors[name]


def test_the_bridge_reaches_kafka_alone() -> None:
    made: dict[str, Any] = yaml.safe_load((K8S / "operators/strimzi/bridge.yaml").read_text())
    bridge = SERVERS["bridge"][0]
    assert made["spec"]["template"]["pod"]["metadata"]["labels"].items() <= bridge.labels.items()
    found = {
        (each, port)
        for (each, (server, _)), port in product(SERVERS.items(), PORTS)
        if admitted(POLICIES, bridge, server, port)
    }
    assert found == {("kafka", port) for port in SERVERS["kafka"][1]}


def test_a_pod_that_nobody_thought_of_talks_to_nobody() -> None:
    new = Pod("new")
    everybody = [each for each, _ in [*CLIENTS.values(), *SERVERS.values()]]
    assert not [
        (each.name, port)
        for each, port in product(everybody, PORTS)
        if admitted(POLICIES, new, each, port) or admitted(POLICIES, each, new, port)
    ]
