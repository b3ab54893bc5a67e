"""Passwords: found where the file says they are, proved by logging in, and never said."""
# confluent-kafka types its futures as Future[Unknown]:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import os
from pathlib import Path

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from jobs import kafka, settings
from jobs.access.declared import User
from jobs.kafka.client import config


def find(user: User) -> str | None:
    """The password that the environment or a file holds for a user, if it is there."""
    if user.password is None:
        return None
    kind, _, where = user.password[2:-1].partition(":")
    if kind == "env":
        return os.environ.get(where) or None
    path = Path(where)
    return path.read_text(encoding="utf-8").strip() or None if path.is_file() else None


def is_outdated(user: User, password: str) -> bool:
    """Whether the cluster refuses this password, which only logging in can tell: it keeps none that could be read."""
    if not settings.load(settings.Kafka).security_protocol.startswith("SASL"):
        return False  # there is no listener to try it on
    said: list[KafkaError] = []
    identity = {"sasl.mechanism": user.mechanism, "sasl.username": user.name, "sasl.password": password}
    client = AdminClient(config("headrace-login", error_cb=said.append) | identity)
    asked = client.describe_cluster(request_timeout=kafka.PATIENCE)
    while not asked.done() and not _refused(said):
        client.poll(0.02)
    return _refused(said)


def _refused(said: list[KafkaError]) -> bool:
    return any(error.name() == "_AUTHENTICATION" for error in said)
