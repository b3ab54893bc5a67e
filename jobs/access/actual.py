"""The users that a cluster knows: read, and made to change."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from jobs import kafka
from jobs.access.roles import Right
from jobs.errors import JobError
from jobs.kafka.wire import ask

KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}
MECHANISMS = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}
ITERATIONS = 8192


def refuse_open(client: AdminClient) -> None:
    """Stop where rights mean nothing.

    Raises:
        JobError: The brokers have no authorizer.
    """
    # Kafka says so when it is asked for rights, but librdkafka makes an empty list of it.
    broker = kafka.answer(client.describe_cluster(request_timeout=kafka.REQUEST), "describe the cluster").nodes[0].id
    resource = ConfigResource(ResourceType.BROKER, str(broker))
    future = client.describe_configs([resource], request_timeout=kafka.REQUEST)[resource]
    if not kafka.answer(future, f"read the settings of broker {broker}")["authorizer.class.name"].value:
        raise JobError(
            "the brokers have no authorizer: everybody may do everything, and rights mean nothing",
            hint="set authorizer.class.name for the brokers (Strimzi: authorization: simple)",
        )


def rights(client: AdminClient, user: str) -> frozenset[Right]:
    """What a user may do, from anywhere.

    Raises:
        JobError: The cluster does not answer.
    """
    anyone: Any = None  # librdkafka's way to say: whatever it is
    anything = AclBindingFilter(
        ResourceType.ANY,
        anyone,
        ResourcePatternType.ANY,
        f"User:{user}",
        anyone,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    found = kafka.answer(client.describe_acls(anything, request_timeout=kafka.REQUEST), f"read the rights of {user}")
    kinds = {kind: name for name, kind in KINDS.items()}
    return frozenset(
        Right(kinds[each.restype], each.name, each.operation.name, each.resource_pattern_type.name)  # pyright: ignore[reportArgumentType]
        for each in found
        if each.restype in kinds and each.permission_type is AclPermissionType.ALLOW
    )


def give(client: AdminClient, wanted: Collection[tuple[str, Right]]) -> None:
    """Let users do more."""
    if wanted:
        futures = client.create_acls([_binding(*each) for each in wanted], request_timeout=kafka.REQUEST)
        for binding, future in futures.items():
            kafka.answer(future, f"give {binding.principal} a right on {binding.name}")


def take(client: AdminClient, unwanted: Collection[tuple[str, Right]]) -> None:
    """Let users do less."""
    if unwanted:
        filters = [_filter(*each) for each in unwanted]
        for each, future in client.delete_acls(filters, request_timeout=kafka.REQUEST).items():
            kafka.answer(future, f"take a right on {each.name} from {each.principal}")


def mechanisms(client: AdminClient, users: Collection[str]) -> dict[str, frozenset[str]]:
    """How each user can log in with a password."""
    found: dict[str, frozenset[str]] = {}
    names = {mechanism: name for name, mechanism in MECHANISMS.items()}
    futures: Any = client.describe_user_scram_credentials(list(users), request_timeout=kafka.REQUEST)
    for user, future in futures.items():
        try:
            said = future.result(timeout=kafka.REQUEST)
        except KafkaException as error:
            if kafka.reason(error).name() != "RESOURCE_NOT_FOUND":
                raise kafka.failed(f"look for a password of {user}", error) from error
            found[user] = frozenset()
        else:
            found[user] = frozenset(names[each.mechanism] for each in said.scram_credential_infos)
    return found


def set_password(client: AdminClient, user: str, mechanism: str, password: str | None) -> None:
    """Give a user a password, or take it away."""
    kind = MECHANISMS[mechanism]
    alteration = (
        UserScramCredentialDeletion(user, kind)
        if password is None
        else UserScramCredentialUpsertion(user, ScramCredentialInfo(kind, ITERATIONS), password.encode())
    )
    futures = client.alter_user_scram_credentials([alteration], request_timeout=kafka.REQUEST)
    kafka.answer(futures[user], f"set the password of {user}")


def quotas(wired: Any, users: Collection[str]) -> dict[str, dict[str, float]]:
    """How much each user may take, by Kafka's name of the quota."""
    request: Any = import_module("kafka.protocol.admin.client_quotas").DescribeClientQuotasRequest
    every_user = request.ComponentData(entity_type="user", match_type=2, match=None)
    response = ask(wired, request(components=[every_user], strict=True))
    _refuse(response.error_code, response.error_message)
    return {
        str(entry.entity[0].entity_name): {value.key: float(value.value) for value in entry.values}
        for entry in response.entries or []
        if entry.entity[0].entity_name in users
    }


def set_quotas(wired: Any, user: str, wanted: Mapping[str, float | None]) -> None:
    """Let a user take so much of each, or of what is None without a limit."""
    kind: Any = import_module("kafka.protocol.admin.client_quotas")  # its names have no types
    request = kind.AlterClientQuotasRequest
    entity = request.EntryData.EntityData(entity_type="user", entity_name=user)
    ops = [request.EntryData.OpData(key=key, value=value or 0.0, remove=value is None) for key, value in wanted.items()]
    response = ask(wired, request(entries=[request.EntryData(entity=[entity], ops=ops)], validate_only=False))
    for entry in response.entries:
        _refuse(entry.error_code, entry.error_message)


def _refuse(code: int, message: str | None) -> None:
    if code:
        raise JobError(f"the cluster refuses: {message or f'error {code}'}", hint="headrace access plan")


def _binding(user: str, right: Right) -> AclBinding:
    return AclBinding(
        KINDS[right.kind],
        right.name,
        ResourcePatternType[right.pattern],
        f"User:{user}",
        "*",
        AclOperation[right.operation],
        AclPermissionType.ALLOW,
    )


def _filter(user: str, right: Right) -> AclBindingFilter:
    anywhere: Any = None
    return AclBindingFilter(
        KINDS[right.kind],
        right.name,
        ResourcePatternType[right.pattern],
        f"User:{user}",
        anywhere,
        AclOperation[right.operation],
        AclPermissionType.ALLOW,
    )
