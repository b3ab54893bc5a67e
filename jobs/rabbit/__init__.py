"""RabbitMQ: a queue of events, drained into documents."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs import datasets, web
from jobs.datasets import events
from jobs.errors import UsageError
from jobs.job import job
from jobs.rabbit import broker, sending
from jobs.rabbit.link import Message
from jobs.replay.sources import Generated, Source, lines

COUNT = 10_000


@dataclass(frozen=True)
class Queued:
    """What one sending did.

    Args:
        queue: Where the messages are.
        sent: How many the broker confirmed: they are on the disks of most of its nodes.
        seconds: How long it took.
        rate: Messages a second.
    """

    queue: str
    sent: int
    seconds: float
    rate: float


@dataclass(frozen=True)
class Drained:
    """What one drain did: `taken = documents + before + dead`.

    Args:
        queue: Where the messages were.
        collection: Where the documents are.
        taken: How many messages were processed; one that came again after a broken connection counts again.
        documents: How many documents are new.
        before: How many messages were of a document that was there already.
        dead: How many went to the queue of dead letters.
        reconnects: How often the connection broke.
        seconds: How long it took, without starting.
        rate: Messages a second.
    """

    queue: str
    collection: str
    taken: int
    documents: int
    before: int
    dead: int
    reconnects: int
    seconds: float
    rate: float


@job("jobs", cpu="500m", memory="256Mi", retries=3, minutes=60, needs=("rabbitmq",))
def send(
    queue: str,
    *,
    dataset: datasets.Name = "vehicles",
    count: int = -1,
    seed: int = 1,
    first: int = 0,
    file: str = "",
    patience: float = 120,
) -> Queued:
    """Send events to a queue, each confirmed by the broker; sent again, they have the same ids.

    Args:
        queue: The queue; it is made if it is not there.
        dataset: Whose generator makes the events.
        count: How many events in all; -1 is 10,000, or all lines of the file.
        seed: Which events: a whole number from 0 on.
        first: Go on from this event or line, counted from 0.
        file: Send the lines of this file instead.
        patience: How long to try a broker that is away, in seconds.

    Raises:
        UsageError: A number is negative, or the file can't be read.
        JobError: The broker is away for longer, or refuses messages; it says how many were confirmed.
    """
    if seed < 0 or count < -1 or first < 0:
        raise UsageError("--seed, --count and --first are whole numbers from 0 on", hint="headrace rabbit send --help")
    name, source = _source(file, dataset, seed, count)
    broker.declare(queue)
    begun = time.monotonic()
    messages = _messages(source, name, first)
    sent = sending.send(messages, queue, patience)
    seconds = time.monotonic() - begun
    return Queued(queue, sent, round(seconds, 3), round(sent / seconds, 1) if sent else 0.0)


@job(
    "spark",
    cpu="500m",
    memory="1536Mi",  # Spark takes 0.6 GiB of it, and never gives back its heap: fuller, KEDA would add workers
    retries=3,
    minutes=24 * 60,
    needs=("lake", "mongodb", "rabbitmq", "spark"),
)
def drain(
    queue: str,
    *,
    dataset: datasets.Name = "vehicles",
    collection: str = "",
    batch: int = 5000,
    parallel: int = 2,
    count: int = 0,
    idle: float = 0,
    patience: float = 120,
    max_dead_letters: int = -1,
    host: str = "127.0.0.1",
    port: int = -1,
    exposed: bool = False,
) -> Drained:
    """Write a queue's messages as documents, each once, and acknowledge them only then; goes on until told to end.

    Batches are validated and transformed by Spark with the functions of their dataset. A message that comes again
    changes nothing: its document has the event's own id. One that breaks a rule goes to `QUEUE.dlq`, with the header
    `reason`. SIGTERM ends the batches under way and returns the rest.

    Args:
        queue: The queue; it is made if it is not there.
        dataset: Whose rules the messages must keep.
        collection: Where the documents go; by default the dataset's name.
        batch: How many messages are written at once.
        parallel: How many batches may be under way.
        count: End after so many messages; 0 is never.
        idle: End when no message has come for so many seconds; 0 is never.
        patience: How long to wait for a broker that is away, in seconds.
        max_dead_letters: End with status 5 when this drain had more; -1 is no limit.
        host: The address to listen on; 0.0.0.0 in a pod, with `exposed`.
        port: Where to answer while draining: /healthz, /readyz, and /metrics for Prometheus; 0 is a free port, -1 is
            nowhere.
        exposed: Listen where others than this machine reach it, though it asks nobody who they are.

    Raises:
        UsageError: A number is out of its range.
        DeadLetterError: There were more dead letters than allowed.
        JobError: RabbitMQ, Spark or MongoDB stays away; what was not acknowledged is given out again.
    """
    from jobs.rabbit import worker  # noqa: PLC0415 - it needs Spark, which the image of `send` has not

    if batch < 1 or not 1 <= parallel <= 8 or count < 0 or idle < 0:
        raise UsageError(
            "--batch is from 1 on, --parallel from 1 to 8, --count and --idle from 0 on",
            hint="headrace rabbit drain --help",
        )
    limits = worker.Limits(batch, parallel, count, idle, patience)
    into = collection or dataset
    beside = partial(web.beside, host=host, port=port, exposed=exposed)
    ended, seconds = worker.drain(queue, dataset, into, limits, threading.Event(), beside=beside)
    figures = (ended.taken, ended.documents, ended.before, ended.dead, ended.reconnects, round(seconds, 3))
    result = Drained(queue, into, *figures, round(ended.taken / seconds, 1) if ended.taken else 0.0)
    return worker.judged(result, ended.dead, max_dead_letters)


def _source(file: str, dataset: datasets.Name, seed: int, count: int) -> tuple[str, Source]:
    if file:
        found = lines(Path(file), "", count)
        return found.name, found
    return str(seed), Generated(events.named(dataset), seed, COUNT if count == -1 else count)


def _messages(source: Source, name: str, first: int) -> Iterator[Message]:
    """Each event with its id: whose it is, and its number."""
    for number, record in source.records(1, {0: first - 1} if first else {}):
        yield Message(record["value"], f"{name}-{number:012d}")
