"""What `rabbit drain` is made of: a queue, Spark, and a collection."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Event
from typing import TypeVar

from pyspark.errors import PySparkException

from jobs import datasets, probes
from jobs.documents import client
from jobs.documents.client import Written
from jobs.errors import DeadLetterError, JobError
from jobs.rabbit import broker
from jobs.rabbit.draining import Drain, Limits, Tally
from jobs.rabbit.link import Message
from jobs.rabbit.serving import Watch
from jobs.rabbit.transform import parse
from jobs.replay.sending import stopping
from jobs.spark import session

__all__ = ["Limits", "drain", "judged"]

R = TypeVar("R")


Beside = Callable[..., AbstractContextManager[None]]
"""Serves an application while a drain goes on: `web.beside`, which knows where."""


def drain(
    queue: str, dataset: datasets.Name, collection: str, limits: Limits, stop: Event, *, beside: Beside
) -> tuple[Tally, float]:
    """Drain until told to end; what became of the messages, and the seconds it took.

    Raises:
        JobError: A service stays away.
    """
    with stopping(stop):
        broker.declare(queue)
        into = client.collection(collection)
        spark = session("rabbit-drain")

        def write(batch: Sequence[Message]) -> Written:
            large = {n: "larger than a document" for n, each in enumerate(batch) if len(each.body) > client.LARGEST}
            kept = [n for n in range(len(batch)) if n not in large]
            try:
                parsed = parse(spark, dataset, queue, [batch[n] for n in kept])
            except PySparkException as error:
                raise JobError(f"Spark could not read a batch: {error}", hint="less .state/logs/spark.log") from error
            done = client.write(into, {kept[n]: each for n, each in parsed.documents.items()})
            refused = {kept[n]: why for n, why in parsed.refused.items()}
            return Written(done.new, done.before, large | refused | done.refused)

        made, begun = Drain(queue, write, limits, stop), time.monotonic()
        with beside(probes.app(Watch(made)), what=f"metrics of {queue}"):
            return made.run(), time.monotonic() - begun


def judged(result: R, dead: int, allowed: int) -> R:
    """The result, if it has no more dead letters than allowed.

    Raises:
        DeadLetterError: It has more.
    """
    if 0 <= allowed < dead:
        raise DeadLetterError(f"{dead} messages are dead letters, {allowed} are allowed", result=result)
    return result
