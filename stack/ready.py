"""Whether a service answers in its own protocol."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stack.layout import TOKEN, Layout

Check = Callable[[], bool]


def checks(layout: Layout) -> dict[str, Check]:
    """What tells that a service is ready, by service; each takes a second or two at most and never raises."""
    url = layout.urls
    sqs = {"Action": "ListQueues", "Version": "2012-11-05"}
    return {
        "telegram": lambda: _get(f"{url['telegram']}/bot{TOKEN}/getMe"),
        "elasticmq": lambda: _get(url["elasticmq"], sqs),
        "kafka": lambda: _kafka(url["kafka"], layout.nodes),
        "connect": lambda: _get(f"{url['connect']}/connectors"),
        "spark": lambda: _grpc(layout.address("spark")),
        "prefect": lambda: _get(f"{url['prefect']}/api/health"),
    }


def _get(url: str, params: dict[str, str] | None = None) -> bool:
    try:
        return httpx.get(url, params=params, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _kafka(brokers: str, nodes: int) -> bool:
    """Whether every broker is in the metadata, and so takes part."""
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    try:
        return len(client.list_topics(timeout=2).brokers) == nodes
    except KafkaException:
        return False


def _grpc(address: str) -> bool:
    """Whether a gRPC server completes the handshake; Spark's listens only when its session is there."""
    grpc: Any = import_module("grpc")  # it has no types
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=2)
        except grpc.FutureTimeoutError:
            return False
        return True
