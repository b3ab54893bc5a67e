"""connectors.yaml as Strimzi's KafkaConnector resources: pure."""

import re
from typing import Any

from jobs.connectors.declared import Connectors
from jobs.declared import File
from jobs.strimzi import API, Manifests

OWN = ("connector.class", "tasks.max", "name")
"""What a KafkaConnector says outside of its configuration."""


def manifests(source: File[Connectors], cluster: str) -> Manifests:
    """Every declared connector as a resource of the KafkaConnect `cluster`.

    References stay as they are: the worker of a KafkaConnect resolves ${env:...} and ${secrets:...} alike.

    Raises:
        UsageError: A name is none that Kubernetes allows.
    """
    source.refuse(
        [
            (("connectors", index, "name"), f"{each.name}: Kubernetes allows a-z, 0-9, - and . in a name")
            for index, each in enumerate(source.value.connectors)
            if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", each.name)
        ]
    )
    states, configs = source.value.states(), source.value.resolved()
    items = tuple(_resource(name, config, states[name].lower(), cluster) for name, config in configs.items())
    return Manifests(items)


def _resource(name: str, config: dict[str, str], state: str, cluster: str) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "KafkaConnector",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": cluster}},
        "spec": {
            "class": config["connector.class"],
            "tasksMax": int(config.get("tasks.max", "1")),
            "state": state,
            # The operator would also restart what cannot get better; `connectors restart` knows the difference.
            "autoRestart": {"enabled": False},
            "config": {key: value for key, value in sorted(config.items()) if key not in OWN},
        },
    }
