"""What librdkafka lacks: reassignments, log folders, quotas, the quorum, one broker's own view; by kafka-python."""
# kafka-python has no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from jobs import settings
from jobs.errors import JobError
from jobs.kafka.client import HINT, PATIENCE, REQUEST

PEM = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")


@contextmanager
def wire() -> Generator[Any, None, None]:
    """A kafka-python admin client that has reached the cluster; closed on leaving.

    Raises:
        JobError: It cannot be reached, or it refuses what is asked.
    """
    # Imported here: it takes 0.3 s, and most commands need none of it.
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # at DEBUG it logs the password
    said = settings.load(settings.Kafka).librdkafka()
    try:
        client = KafkaAdminClient(**options(said))
    except (KafkaError, OSError, AssertionError) as error:
        raise JobError(f"Kafka at {said['bootstrap.servers']} cannot be used: {_why(error)}", hint=HINT) from error
    try:
        yield client
    except KafkaError as error:
        raise JobError(f"the cluster refuses: {_why(error)}", hint=HINT) from error
    finally:
        client.close()


def options(librdkafka: dict[str, str]) -> dict[str, Any]:
    """Librdkafka's settings as kafka-python takes them."""
    ca, certificate, key = (librdkafka.get(name) for name in PEM)
    return {
        "bootstrap_servers": librdkafka["bootstrap.servers"].split(","),
        "client_id": "headrace-admin",
        "security_protocol": librdkafka.get("security.protocol", "PLAINTEXT"),
        "sasl_mechanism": librdkafka.get("sasl.mechanism"),
        "sasl_plain_username": librdkafka.get("sasl.username"),
        "sasl_plain_password": librdkafka.get("sasl.password"),
        "ssl_cafile": ca,
        "ssl_certfile": certificate,
        "ssl_keyfile": key,
        "bootstrap_timeout_ms": int(PATIENCE * 1000),
        "request_timeout_ms": int(REQUEST * 1000),
    }


def ask(client: Any, request: Any, node: int | None = None) -> Any:
    """Send one request of Kafka's protocol, to any broker or to one of them, and wait for its response."""

    async def send() -> Any:
        return await client._manager.send(request, node_id=node)  # pyright: ignore[reportPrivateUsage]

    return client._manager.run(send)  # pyright: ignore[reportPrivateUsage]


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
