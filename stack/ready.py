"""Whether a service answers in its own protocol."""

import socket
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from stack.layout import TOKEN, Layout

Check = Callable[[], bool]


def checks(layout: Layout, beside: Sequence[str] = ()) -> dict[str, Check]:
    """What tells that a service is ready, by service; each takes a second or two at most and never raises.

    Args:
        layout: Where they are.
        beside: Those that were asked for beside the rest.
    """
    url = layout.urls
    sqs = {"Action": "ListQueues", "Version": "2012-11-05"}
    asked: dict[str, Check] = {
        "rabbitmq": lambda: _amqp(layout.ports["rabbitmq"]),
        "mongodb": lambda: _mongodb(url["mongodb"]),
    }
    return {
        "telegram": lambda: _get(f"{url['telegram']}/bot{TOKEN}/getMe"),
        "elasticmq": lambda: _get(url["elasticmq"], sqs),
        "kafka": lambda: _kafka(url["kafka"], layout.nodes),
        "connect": lambda: _get(f"{url['connect']}/connectors"),
        "spark": lambda: _grpc(layout.address("spark")),
        "prefect": lambda: _get(f"{url['prefect']}/api/health"),
    } | {name: check for name, check in asked.items() if name in beside}


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


def _amqp(port: int) -> bool:
    """Whether a broker begins to talk: with a method frame, which is of type 1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"AMQP\0\0\x09\x01")
            return connection.recv(1) == b"\1"
    except OSError:
        return False


def _mongodb(url: str) -> bool:
    client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=1000, socketTimeoutMS=1000)
    try:
        client.admin.command("ping")
    except PyMongoError:
        return False
    else:
        return True
    finally:
        client.close()


def _grpc(address: str) -> bool:
    """Whether a gRPC server completes the handshake; Spark's listens only when its session is there."""
    grpc: Any = import_module("grpc")  # it has no types
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=2)
        except grpc.FutureTimeoutError:
            return False
        return True
