"""The stack of the host's loopback, as the cluster sees it: names in the namespace `stack`, Secrets of its clients."""

import os
from pathlib import Path
from typing import Any

from stack.layout import Layout
from stack.storage import made_for
from tests.cluster.bridges import HOST
from tests.cluster.place import state

PORTS, NODES = 29000, 1  # the stack's own defaults

SECRETS = {  # what each service's clients read, by the first word of the variable
    "kafka": ("KAFKA_",),
    "connect": ("CONNECT_",),
    "sqs": ("AWS_",),
    "spark": ("SPARK_",),
    "lake": ("LAKE_",),
    "telegram": ("TELEGRAM_",),
    "prefect": ("PREFECT_",),
}


def layout() -> Layout:
    """The stack beside this cluster, or the one whose folder `HEADRACE_STACK` names."""
    folder = Path(os.environ.get("HEADRACE_STACK", state().parent))
    base, nodes = made_for(folder) or (PORTS, NODES)
    return Layout(folder, base, nodes)


def offered() -> dict[str, int]:
    """The port of each service that pods may reach. A broker has a listener for them, which advertises such a name."""
    ports = layout().ports
    brokers = {name.replace("cluster", "kafka"): ports[name] for name in ports if name.startswith("cluster-")}
    others = {name: port for name, port in ports.items() if not name.startswith(("cluster", "controller", "kafka"))}
    return brokers | others


def address(name: str) -> str:
    """How a pod names a service: `connect.stack.svc:29083`."""
    return f"{name}.stack.svc:{offered()[name]}"


def objects(services: dict[str, int]) -> list[dict[str, Any]]:
    """The namespace `stack`, where each service that the host offers has a name."""
    made: list[dict[str, Any]] = [_object("v1", "Namespace", {"name": "stack"})]
    for name, port in services.items():
        where = {"name": name, "namespace": "stack"}
        ports = [{"name": "main", "port": port}]
        slice_of = where | {"labels": {"kubernetes.io/service-name": name}}
        made.append(_object("v1", "Service", where, spec={"ports": ports}))
        made.append(
            _object(
                "discovery.k8s.io/v1",
                "EndpointSlice",
                slice_of,
                addressType="IPv4",
                ports=ports,
                endpoints=[{"addresses": [HOST]}],
            )
        )
    return made


def secrets() -> list[dict[str, Any]]:
    """A Secret for each service: what `stack.env` says, with the addresses that pods use."""
    return [
        _object("v1", "Secret", {"name": name, "namespace": "headrace"}, stringData=_chosen(prefixes))
        for name, prefixes in SECRETS.items()
    ]


def _chosen(prefixes: tuple[str, ...]) -> dict[str, str]:
    clients = {name: _translated(value) for name, value in layout().clients().items()}
    clients["SPARK_KAFKA_BOOTSTRAP_SERVERS"] = layout().brokers  # the server is on the host, beside the brokers
    return {name: value for name, value in clients.items() if name.startswith(prefixes)}


def _translated(value: str) -> str:
    """The loopback addresses in a value, by their names in the cluster."""
    if value == layout().brokers:
        return ",".join(address(name) for name in offered() if name.startswith("kafka-"))
    for name in offered():
        value = value.replace(f"127.0.0.1:{offered()[name]}", address(name))
    return value


def _object(api: str, kind: str, metadata: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}
