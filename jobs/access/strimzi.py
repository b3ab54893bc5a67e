"""access.yaml as Strimzi's KafkaUser resources: pure."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from jobs.access.changes import Holder
from jobs.strimzi import API, Manifests

NAMES = {
    "producer_byte_rate": "producerByteRate",
    "consumer_byte_rate": "consumerByteRate",
    "request_percentage": "requestPercentage",
    "controller_mutation_rate": "controllerMutationRate",
}


def manifests(users: Mapping[str, Holder], cluster: str) -> Manifests:
    """A KafkaUser a user; the operator makes its password, or its certificate when it has none."""
    return Manifests(tuple(_resource(name, user, cluster) for name, user in users.items()))


def _resource(name: str, user: Holder, cluster: str) -> dict[str, Any]:
    rights = sorted(user.rights)
    spec: dict[str, Any] = {
        "authentication": {"type": "scram-sha-512" if user.mechanisms else "tls"},
        "authorization": {
            "type": "simple",
            "acls": [
                {"resource": _named(*about), "operations": [_camel(each.operation) for each in group]}
                for about, group in groupby(rights, key=lambda each: (each.kind, each.name, each.pattern))
            ],
        },
    }
    if user.quotas:
        spec["quotas"] = {NAMES[key]: value for key, value in user.quotas.items()}
    metadata = {"name": name, "labels": {"strimzi.io/cluster": cluster}}
    return {"apiVersion": API, "kind": "KafkaUser", "metadata": metadata, "spec": spec}


def _named(kind: str, name: str, pattern: str) -> dict[str, str]:
    if kind == "cluster":
        return {"type": "cluster"}
    kind = "transactionalId" if kind == "transactional_id" else kind
    return {"type": kind, "name": name, "patternType": "prefix" if pattern == "PREFIXED" else "literal"}


def _camel(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))
