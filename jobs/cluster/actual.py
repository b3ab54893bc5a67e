"""A cluster as it is: I/O only, no decisions."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so; kafka-python has no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import ssl
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from cryptography import x509

from jobs import kafka
from jobs.cluster.health import Member, Partition
from jobs.cluster.machines import Certificate, Disk
from jobs.cluster.posture import Topic

KEPT = ("cleanup.policy", "min.insync.replicas", "retention.ms", "unclean.leader.election.enable")
HANDSHAKE = 3.0
"""How long a TLS handshake may take, in seconds."""


def topics(client: AdminClient) -> tuple[list[Topic], list[Partition]]:
    """Every topic with its settings, and every partition with its replicas.

    Raises:
        JobError: The cluster refuses to say.
    """
    there = client.list_topics(timeout=kafka.REQUEST).topics
    settings = _configs(client, ResourceType.TOPIC, there)
    found: list[Topic] = []
    partitions: list[Partition] = []
    for name, topic in sorted(there.items()):
        kept = {key: settings[name][key] for key in KEPT if key in settings[name]}
        mine = [
            Partition(
                f"{name}-{number}",
                each.leader,
                tuple(each.replicas),
                tuple(each.isrs),
                int(kept["min.insync.replicas"]),
            )
            for number, each in sorted(topic.partitions.items())
        ]
        found.append(Topic(name, min((len(each.replicas) for each in mine), default=0), kept))
        partitions += mine
    return found, partitions


def brokers(client: AdminClient, up: Iterable[int]) -> dict[int, dict[str, str]]:
    """The settings of each broker by its id.

    Raises:
        JobError: The cluster refuses to say.
    """
    # One broker a request: each answers for itself.
    return {each: _configs(client, ResourceType.BROKER, [str(each)])[str(each)] for each in up}


def quorum(wire: Any) -> tuple[int, list[Member], list[Member]]:
    """The active controller, the voters, and the brokers that follow the metadata log."""
    found = wire.describe_metadata_quorum()["topics"][0]["partitions"][0]
    members = [*found["current_voters"], *found["observers"]]
    end = max((each["log_end_offset"] for each in members), default=0)
    now = max((each["last_caught_up_timestamp"] for each in members), default=0)  # the leader's is its own clock

    def member(given: Mapping[str, int]) -> Member:
        caught_up = given["last_caught_up_timestamp"]
        return Member(given["replica_id"], end - given["log_end_offset"], now - caught_up if caught_up >= 0 else None)

    return found["leader_id"], list(map(member, found["current_voters"])), list(map(member, found["observers"]))


def disks(wire: Any) -> list[Disk]:
    """Every log folder of every broker."""
    return [
        Disk(
            broker["broker"],
            folder["log_dir"],
            folder.get("total_bytes", -1),
            folder.get("usable_bytes", -1),
            {topic["name"]: sum(each["partition_size"] for each in topic["partitions"]) for topic in folder["topics"]},
            folder["error_code"],
        )
        for broker in sorted(wire.describe_log_dirs(), key=lambda each: each["broker"])
        for folder in broker["log_dirs"]
    ]


def versions(wire: Any, up: Iterable[int]) -> tuple[dict[int, str], tuple[int, int]]:
    """Each broker's version, as far as its protocol tells, and the metadata version in force and the newest."""
    found = {each: ".".join(map(str, wire.get_broker_version_data(each).broker_version)) for each in up}
    level = wire.describe_features().get("metadata.version", {"finalized": (0, 0), "supported": (0, 0)})
    return found, (level["finalized"][1], level["supported"][1])


def certificates(settings: Mapping[str, str], addresses: Iterable[tuple[str, int]]) -> Iterator[Certificate]:
    """The certificate of each broker, and those of this client, when connections are encrypted.

    Args:
        settings: librdkafka's.
        addresses: Host and port of each broker.
    """
    if "SSL" not in settings.get("security.protocol", ""):
        return
    for host, port in addresses:
        try:
            shown = ssl.get_server_certificate((host, port), timeout=HANDSHAKE)
            yield Certificate(f"{host}:{port}", _until(shown.encode()))
        except (OSError, ValueError) as error:
            yield Certificate(f"{host}:{port}", None, str(error))
    for name in ("ssl.ca.location", "ssl.certificate.location"):
        if path := settings.get(name):
            try:
                yield Certificate(path, _until(Path(path).read_bytes()))
            except (OSError, ValueError) as error:
                yield Certificate(path, None, str(error))


def _until(pem: bytes) -> datetime:
    """When the first of these certificates to do so expires."""
    return min(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(pem)).astimezone(UTC)


def _configs(client: AdminClient, kind: ResourceType, names: Iterable[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(kind, name) for name in names]
    asked = client.describe_configs(resources, request_timeout=kafka.REQUEST) if resources else {}
    return {
        resource.name: {
            name: each.value
            for name, each in kafka.answer(future, f"read the settings of {resource.name}").items()
            if each.value is not None
        }
        for resource, future in asked.items()
    }
