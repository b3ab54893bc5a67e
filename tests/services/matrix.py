"""Who may do what with the access file of test_access.py: every operation, and who is allowed which."""

from collections.abc import Callable
from functools import cache
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)


def read(topic: str, group: str) -> Callable[[dict[str, Any]], None]:
    def work(config: dict[str, Any]) -> None:
        reader = Consumer(config | {"group.id": group, "auto.offset.reset": "earliest", "enable.partition.eof": True})
        try:
            reader.subscribe([topic])
            message = reader.poll(20)
            assert message is not None
            if (error := message.error()) and error.name() != "_PARTITION_EOF":
                raise KafkaException(error)
        finally:
            reader.close()

    return work


@cache  # a client that goes away before it has all answers aborts the process
def client_of(user: str, password: str, servers: str, ca: str) -> AdminClient:
    said = {"sasl.username": user, "sasl.password": password, "bootstrap.servers": servers, "ssl.ca.location": ca}
    return AdminClient({"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "log_level": 0} | said)


def admin(ask: Callable[[AdminClient], dict[Any, Any]]) -> Callable[[dict[str, Any]], None]:
    names = ("sasl.username", "sasl.password", "bootstrap.servers", "ssl.ca.location")

    def work(config: dict[str, Any]) -> None:
        for future in ask(client_of(*(config[name] for name in names))).values():
            error = future.exception(timeout=20)
            if error and error.args[0].name() != "TOPIC_ALREADY_EXISTS":  # allowed, and done
                raise error

    return work


def peek(topic: str) -> Callable[[dict[str, Any]], None]:
    """Ask where a topic is, as every reader and writer must."""
    return admin(lambda client: client.describe_topics(TopicCollection([topic])))


def write(topic: str) -> Callable[[dict[str, Any]], None]:
    def work(config: dict[str, Any]) -> None:
        errors: list[Any] = []
        producer = Producer(config | {"message.timeout.ms": 8000})
        producer.produce(topic, b"x", on_delivery=lambda error, _: errors.append(error))
        producer.flush(10)
        assert errors
        if errors[0]:
            raise KafkaException(errors[0])

    return work


def retention(topic: str) -> Callable[[AdminClient], dict[Any, Any]]:
    entry = ConfigEntry("retention.ms", "604800000", incremental_operation=AlterConfigOpType.SET)
    return lambda client: client.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])], validate_only=True
    )


EVERYTHING = AclBinding(
    ResourceType.TOPIC,
    "other",
    ResourcePatternType.LITERAL,
    "User:nobody",
    "*",
    AclOperation.ALL,
    AclPermissionType.ALLOW,
)
OPERATIONS: dict[str, Callable[[dict[str, Any]], None]] = {
    **{f"write {topic}": write(topic) for topic in ("events", "events.dlq", "out.dlq", "raw")},
    **{f"see {topic}": peek(topic) for topic in ("events", "events.dlq", "out.dlq", "raw")},
    "read events as headrace": read("events", "headrace"),
    "read events.dlq as headrace": read("events.dlq", "headrace"),
    "read events as connect-out": read("events", "connect-out"),
    "read events as another": read("events", "another"),
    "read raw as connect-out": read("raw", "connect-out"),
    "create events": admin(lambda client: client.create_topics([NewTopic("events", 1, 1)], validate_only=True)),
    "create other": admin(lambda client: client.create_topics([NewTopic("other", 1, 1)], validate_only=True)),
    "grow raw": admin(lambda client: client.create_partitions([NewPartitions("raw", 9)], validate_only=True)),
    "set raw": admin(retention("raw")),
    "delete raw": admin(lambda client: client.delete_topics(["raw"])),
    "give itself more": admin(lambda client: client.create_acls([EVERYTHING])),
    "look at brokers": admin(lambda client: client.describe_configs([ConfigResource(ResourceType.BROKER, "1")])),
}
ALLOWED = {
    "steps": {
        "write events.dlq",
        "see events",
        "see events.dlq",
        "read events as headrace",
        "read events.dlq as headrace",
    },
    "connect": {
        "write raw",
        "write out.dlq",
        "see events",
        "see raw",
        "see out.dlq",
        "read events as connect-out",
    },
    "ops": {
        *(f"see {topic}" for topic in ("events", "events.dlq", "out.dlq", "raw")),
        "read events as headrace",
        "read events.dlq as headrace",
        "create events",
        "grow raw",
        "set raw",
    },
    "nobody": set[str](),
}
