"""topics.yaml as Strimzi's KafkaTopic resources: pure."""

import re
from collections.abc import Mapping
from typing import Any

from jobs.strimzi import API, Manifests
from jobs.topics.declared import Topic


def manifests(topics: Mapping[str, Topic], cluster: str) -> Manifests:
    """A KafkaTopic a topic; what is not declared is left out, so the operator takes the broker's default."""
    return Manifests(tuple(_resource(topic, cluster) for topic in topics.values()))


def resource_name(name: str) -> str:
    """The name as Kubernetes allows it: small letters, digits, `-` and `.`."""
    return re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.")


def _resource(topic: Topic, cluster: str) -> dict[str, Any]:
    name = resource_name(topic.name)
    # The topic's own name is said where Kubernetes does not allow it as a resource's.
    spec: dict[str, Any] = {} if name == topic.name else {"topicName": topic.name}
    if topic.partitions is not None:
        spec["partitions"] = topic.partitions
    if topic.replication_factor is not None:
        spec["replicas"] = topic.replication_factor
    if topic.configs:
        spec["config"] = dict(sorted(topic.configs.items()))
    said = {"owner": topic.owner, "description": topic.description}
    metadata: dict[str, Any] = {"name": name, "labels": {"strimzi.io/cluster": cluster}}
    if annotations := {f"headrace/{key}": value for key, value in said.items() if value}:
        metadata["annotations"] = annotations
    return {"apiVersion": API, "kind": "KafkaTopic", "metadata": metadata, "spec": spec}
