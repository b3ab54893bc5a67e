"""Who may talk to whom, as NetworkPolicies: nobody, but each pod with the services that it needs.

A pod bears a label for each service (`step.labels`), made from the `needs` of its job. For each service one policy lets
the pods with its label out to it and, where its pods are in our namespace, another lets them in.
"""

from dataclasses import dataclass
from typing import Any

from workflows.service import PORT, Manifest
from workflows.step import labels


@dataclass(frozen=True)
class Place:
    """Where a service is.

    Args:
        ports: Those for clients.
        pods: The labels of its pods; none when it is outside, or where no label tells (the API server).
        ours: Whether its pods are in our namespace, and must let clients in; else they may be in any.
        inner: The ports for its own pods among each other.
    """

    ports: tuple[int, ...]
    pods: tuple[tuple[str, str], ...] = ()
    ours: bool = False
    inner: tuple[int, ...] = ()


PLACES = {
    "kafka": Place((9092, 9093, 9094), (("strimzi.io/kind", "Kafka"),)),
    "connect": Place((8083,), (("strimzi.io/kind", "KafkaConnect"),)),
    "bridge": Place((8080,), (("strimzi.io/kind", "KafkaBridge"),), ours=True),
    "rabbitmq": Place((5672,), (("app", "rabbitmq"),), ours=True, inner=(4369, 25672)),
    "mongodb": Place((27017,), (("app", "mongodb"),), ours=True, inner=(27017,)),
    "prefect": Place((4200,), (("app", "prefect-server"),)),
    "lake": Place((443,)),  # a bucket; a claim is no matter of the network
    "sqs": Place((443,)),
    "kubernetes": Place((443, 6443)),
}
DRIVER, EXECUTOR = {"needs/spark": "true"}, {"spark-role": "executor"}  # the second is set by Spark
EXECUTORS = ("kafka", "lake")
"""What executors read and write themselves; all else passes through the driver."""

WATCHERS = {  # from whichever namespace: the labels that their own charts give them
    "prometheus": ({"app.kubernetes.io/name": "prometheus"}, {}, (PORT, 15692)),
    "prometheus-api": ({"app.kubernetes.io/name": "prometheus"}, {"app": "api"}, (8080,)),
    "ingress": ({"app.kubernetes.io/name": "ingress-nginx"}, {"app": "api"}, (8080,)),
    "keda": ({"app": "keda-operator"}, {"app": "rabbitmq"}, (15672,)),
}
"""Who comes from elsewhere, to which of our pods, on which ports."""


def policies() -> list[Manifest]:
    """All of them; what none of them allows is denied."""
    return [
        _policy("default-deny", {}, ingress=[], egress=[]),
        _policy("names", {}, egress=[_rule("to", [_anywhere({"k8s-app": "kube-dns"})], 53, protocols=("UDP", "TCP"))]),
        *(each for name, place in PLACES.items() for each in _of_service(name, place)),
        *_spark(),
        *(
            _policy(f"from-{name}", ours, ingress=[_rule("from", [_anywhere(theirs)], *ports)])
            for name, (theirs, ours, ports) in WATCHERS.items()
        ),
    ]


def _of_service(name: str, place: Place) -> list[Manifest]:
    pods = dict(place.pods)
    found = [_policy(f"to-{name}", labels([name]), egress=[_way(place)])]
    if place.ours:
        clients = [{"podSelector": {"matchLabels": labels([name])}}]
        found.append(_policy(name, pods, ingress=[_rule("from", clients, *place.ports)]))
    if place.inner:
        peers = [{"podSelector": {"matchLabels": pods}}]
        inner = {"ingress": [_rule("from", peers, *place.inner)], "egress": [_rule("to", peers, *place.inner)]}
        found.append(_policy(f"{name}-nodes", pods, **inner))
    return found


def _spark() -> list[Manifest]:
    """A driver asks Kubernetes for executors; both choose the ports on which they talk."""
    driver, executors = ([{"podSelector": {"matchLabels": each}}] for each in (DRIVER, EXECUTOR))
    ways = [_way(PLACES[each]) for each in EXECUTORS]
    among = [_rule("to", [*driver, *executors])]
    return [
        _policy("spark-drivers", DRIVER, ingress=[_rule("from", executors)], egress=[_rule("to", executors)]),
        _policy("spark-executors", EXECUTOR, ingress=[_rule("from", [*driver, *executors])], egress=[*among, *ways]),
    ]


def _way(place: Place) -> Manifest:
    if not place.pods:
        return _rule("to", [], *place.ports)
    there = {"podSelector": {"matchLabels": dict(place.pods)}} if place.ours else _anywhere(dict(place.pods))
    return _rule("to", [there], *place.ports)


def _anywhere(pods: dict[str, str]) -> Manifest:
    return {"namespaceSelector": {}, "podSelector": {"matchLabels": pods}}


def _rule(direction: str, peers: list[Manifest], *ports: int, protocols: tuple[str, ...] = ("TCP",)) -> Manifest:
    listed = [{"protocol": protocol, "port": port} for port in ports for protocol in protocols]
    return {**({direction: peers} if peers else {}), **({"ports": listed} if listed else {})}


def _policy(name: str, pods: dict[str, str], **rules: Any) -> Manifest:
    selector = {"matchLabels": pods} if pods else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": selector, "policyTypes": [each.capitalize() for each in rules], **rules},
    }


services = {"policies": policies()}
