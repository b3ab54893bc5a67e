"""The clients themselves, and what a cluster's answers come to."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import logging
import time
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from jobs import settings
from jobs.errors import JobError

log = logging.getLogger(__name__)

PATIENCE = 4.0
"""How long to try to reach a broker, in seconds: no longer than a person waits."""

REQUEST = 30.0
"""How long one request to a reachable cluster may take, in seconds."""

HINT = "make status (is it running?), make up (start it)"


def admin() -> AdminClient:
    """An admin client that has reached the cluster.

    Raises:
        JobError: No broker answered within `PATIENCE`, or the credentials were refused.
    """
    servers = settings.load(settings.Kafka).bootstrap_servers
    said: list[KafkaError] = []
    client = AdminClient(config("headrace-admin", error_cb=said.append))
    asked = client.describe_cluster(request_timeout=PATIENCE)
    give_up = time.monotonic() + PATIENCE
    while not asked.done() and time.monotonic() < give_up and not any(map(_refused, said)):
        client.poll(0.02)
    if not asked.done() or asked.exception():
        reasons = [error for error in said if _refused(error)] or [
            error for error in said if error.name() != "_ALL_BROKERS_DOWN"
        ]
        why = reasons[0].str() if reasons else f"no answer within {PATIENCE:.0f} s"
        if not reasons or reasons[0].name() in ("_SSL", "_TRANSPORT", "_TIMED_OUT"):
            from jobs.kafka.diagnosis import diagnose  # noqa: PLC0415 - only those who fail wait for it

            why = diagnose(settings.load(settings.Kafka).librdkafka()) or why
        raise JobError(f"Kafka at {servers} cannot be used: {why}", hint=HINT)
    return client


def producer(**overrides: Any) -> Producer:
    """A producer that waits for every in-sync replica and writes nothing twice.

    Args:
        overrides: librdkafka's settings, with `_` for `.`: `linger_ms=50`.

    Raises:
        JobError: The cluster cannot be reached.
    """
    admin()
    defaults = {"acks": "all", "enable.idempotence": True, "linger.ms": 20, "delivery.timeout.ms": 120_000}
    return Producer(config("headrace", **(defaults | _dotted(overrides))))


def consumer(group: str = "headrace", **overrides: Any) -> Consumer:
    """A consumer of committed records, which commits nothing unless told to.

    Args:
        group: The consumer group. One that only assigns partitions still needs a name.
        overrides: librdkafka's settings, with `_` for `.`: `auto_offset_reset="earliest"`.

    Raises:
        JobError: The cluster cannot be reached.
    """
    admin()
    defaults = {
        "group.id": group,
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "fetch.queue.backoff.ms": 5,  # the default, 1000, leaves the consumer idle
    }
    return Consumer(config("headrace", **(defaults | _dotted(overrides))))


def answer(future: "Future[Any]", doing: str) -> Any:
    """What the cluster answered.

    Raises:
        JobError: It refused, or did not answer.
    """
    try:
        return future.result(timeout=REQUEST + PATIENCE)
    except KafkaException as error:
        raise failed(doing, error) from error
    except TimeoutError as error:
        raise JobError(f"cannot {doing}: no answer within {REQUEST:.0f} s", hint=HINT) from error


def failed(doing: str, error: BaseException) -> JobError:
    """The same refusal, said for the caller."""
    return JobError(f"cannot {doing}: {reason(error).str()}", hint=HINT)


def reason(error: BaseException) -> KafkaError:
    """What Kafka said, in the exception that says it."""
    return error.args[0]


def config(client_id: str, **more: Any) -> dict[str, Any]:
    """What librdkafka is given: the environment's settings, and more of them with `_` for `.`."""
    # librdkafka's own lines on stderr are left out: error_cb says the same, once.
    base = {"client.id": client_id, "log_level": 0, "error_cb": _warn}
    return base | settings.load(settings.Kafka).librdkafka() | _dotted(more)


def _dotted(options: dict[str, Any]) -> dict[str, Any]:
    plain = {"error_cb", "stats_cb", "throttle_cb", "on_delivery", "log_level", "logger"}
    return {name if name in plain else name.replace("_", "."): value for name, value in options.items()}


def _refused(error: KafkaError) -> bool:
    """Whether waiting cannot help: the credentials are wrong, not the network."""
    return error.fatal() or error.name() in ("_AUTHENTICATION", "_SSL")


def _warn(error: KafkaError) -> None:
    """A client that has run for a while reconnects by itself; credentials that were taken back stop it."""
    if _refused(error):
        raise JobError(f"Kafka refuses this client: {error.str()}", hint=HINT)
    log.warning("%s", error.str())
