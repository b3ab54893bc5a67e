"""The properties files of Kafka and Connect, which differ by ports and nodes. Pure."""

from collections.abc import Mapping
from pathlib import Path

from stack.layout import CONNECT_TOPICS, Layout


def node(layout: Layout, name: str) -> dict[str, object]:
    """A Kafka node's `server.properties`; `name` is `kafka-N` or `controller-N`.

    Sizes are a laptop's: a broker's defaults ask for 50 partitions of each internal topic.
    """
    role, number = name.split("-")
    replicas, least = min(layout.nodes, 3), min(layout.nodes, 2)
    listeners: dict[str, str] = {}
    advertised: dict[str, str] = {}
    if role == "kafka":
        cluster = f"cluster-{number}"
        listeners = {"PLAINTEXT": layout.address(name), "CLUSTER": layout.address(cluster)}
        advertised = {"CLUSTER": f"{name}.stack.svc:{layout.ports[cluster]}"}
    if role == "controller" or layout.combined:
        listeners["CONTROLLER"] = layout.address(f"controller-{number}")
    return {
        "process.roles": "broker,controller" if layout.combined else role.replace("kafka", "broker"),
        "node.id": int(number) + (100 if role == "controller" else 0),
        "controller.quorum.bootstrap.servers": layout.controllers,
        "controller.listener.names": "CONTROLLER",
        # The defaults, 1 and 2 s, are missed where two cores start seven JVMs: elections without end.
        "controller.quorum.election.timeout.ms": 5000,
        "controller.quorum.fetch.timeout.ms": 10000,
        "listeners": _listeners(listeners),
        "advertised.listeners": _listeners(listeners | advertised),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CLUSTER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **({"inter.broker.listener.name": "PLAINTEXT"} if role == "kafka" else {}),
        "log.dirs": layout.state / "kafka" / name,
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "group.initial.rebalance.delay.ms": 0,
        "min.insync.replicas": least,
        "num.partitions": 3,
        "offsets.topic.num.partitions": 5,
        "offsets.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": least,
        "share.coordinator.state.topic.num.partitions": 3,
        "share.coordinator.state.topic.replication.factor": replicas,
        "transaction.state.log.min.isr": least,
        "transaction.state.log.num.partitions": 3,
        "transaction.state.log.replication.factor": replicas,
    }


def _listeners(addresses: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in addresses.items())


def nodes(layout: Layout) -> list[str]:
    """The names of the Kafka nodes: brokers, then controllers that are nodes of their own."""
    numbers = range(1, layout.nodes + 1)
    apart = [] if layout.combined else [f"controller-{n}" for n in numbers]
    return [f"kafka-{n}" for n in numbers] + apart


def connect(layout: Layout, plugins: Path) -> dict[str, object]:
    """The Connect worker's properties; connectors may say `${env:TELEGRAM_TOKEN}`."""
    storage = {
        f"{kind}.storage.{key}": value
        for kind, topic in CONNECT_TOPICS.items()
        for key, value in (("topic", topic), ("replication.factor", min(layout.nodes, 3)))
    }
    return {
        "bootstrap.servers": layout.brokers,
        "group.id": "headrace-connect",
        **storage,
        "offset.storage.partitions": 3,
        "status.storage.partitions": 3,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "listeners": layout.urls["connect"],
        "rest.advertised.host.name": "127.0.0.1",
        "plugin.path": plugins,
        "plugin.discovery": "hybrid_warn",
        "config.providers": "env",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "connector.client.config.override.policy": "All",
        "offset.flush.interval.ms": 2000,
        "scheduled.rebalance.max.delay.ms": 2000,
    }


def text(properties: Mapping[str, object]) -> str:
    """As Java reads it."""
    return "".join(f"{key}={value}\n".replace("\\", "\\\\") for key, value in properties.items())
