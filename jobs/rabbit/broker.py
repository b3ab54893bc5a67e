"""Where RabbitMQ is, and the queues as they must be there."""
# pika has no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import ssl
from typing import Any

import pika
from pika.exceptions import AMQPChannelError, AMQPError, ChannelClosedByBroker

from jobs import settings
from jobs.errors import JobError

EXCHANGE = "headrace.dead"
"""The exchange to which messages go that cannot be processed; the queue of them is its routing key."""

DELIVERIES = 50
"""How often a quorum queue gives out a message that comes back, before it is a dead letter. Each worker that is killed
or told to end returns what it holds, so the number is larger than that of workers lost one after the other."""

PORTS = {False: 5672, True: 5671}
REACH = 5  # seconds


def dead(queue: str) -> str:
    """The queue of what could not be processed."""
    return f"{queue}.dlq"


def parameters() -> list[pika.ConnectionParameters]:
    """Each host that may be asked, in order."""
    said = settings.load(settings.RabbitMQ)
    context = ssl.create_default_context(cafile=said.ssl_ca_location) if said.ssl_ca_location else None
    found: list[pika.ConnectionParameters] = []
    for each in said.host.split(","):
        host, _, port = each.strip().partition(":")
        found.append(
            pika.ConnectionParameters(
                host,
                int(port or PORTS[context is not None]),
                said.vhost,
                pika.PlainCredentials(said.username, said.password.get_secret_value()),
                ssl_options=pika.SSLOptions(context, host) if context else None,
                socket_timeout=REACH,
                stack_timeout=2 * REACH,
                blocked_connection_timeout=60,
                client_properties={"connection_name": "headrace"},
            )
        )
    return found


def declare(queue: str) -> int:
    """Make the queue, its exchange of dead letters and the queue of those, if they are not there.

    Returns:
        How many messages the queue holds that nobody has taken.

    Raises:
        JobError: Nobody answers, or a queue of that name was made in another way.
    """
    said = settings.load(settings.RabbitMQ)
    kind = {"x-queue-type": said.queue_type}
    letters = {"x-dead-letter-exchange": EXCHANGE, "x-dead-letter-routing-key": dead(queue)}
    if said.queue_type == "quorum":
        letters |= {
            "x-delivery-limit": DELIVERIES,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
    connection = connect()
    try:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "direct", durable=True)
        channel.queue_declare(dead(queue), durable=True, arguments=kind)
        channel.queue_bind(dead(queue), EXCHANGE, dead(queue))
        made: Any = channel.queue_declare(queue, durable=True, arguments=kind | letters)
        return int(made.method.message_count)
    except ChannelClosedByBroker as error:
        raise JobError(
            f"{queue} cannot be used as it is: {error.reply_text}",
            hint="RABBITMQ_QUEUE_TYPE=classic if it was made so, or another queue",
        ) from error
    except AMQPError as error:
        raise _unreachable(error) from error
    finally:
        if connection.is_open:
            connection.close()


def waiting(queue: str) -> int:
    """How many messages a queue holds that nobody has taken.

    Raises:
        JobError: Nobody answers, or there is no such queue.
    """
    connection = connect()
    try:
        made: Any = connection.channel().queue_declare(queue, passive=True)
        return int(made.method.message_count)
    except AMQPChannelError as error:
        raise JobError(f"there is no queue {queue}", hint=f"headrace rabbit send {queue}") from error
    finally:
        if connection.is_open:
            connection.close()


def connect() -> pika.BlockingConnection:
    """A connection to the first host that answers.

    Raises:
        JobError: None does, or the credentials are refused.
    """
    try:
        return pika.BlockingConnection(parameters())
    except (AMQPError, OSError) as error:
        raise _unreachable(error) from error


def _unreachable(error: Exception) -> JobError:
    said = settings.load(settings.RabbitMQ)
    why = str(error) or type(error).__name__
    return JobError(f"RabbitMQ at {said.host} does not take us: {why}", hint="make up WITH=documents, make status")
