"""A topic read by Structured Streaming, until told to end or until nothing new comes."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import logging
import tempfile
import threading
import time
from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from jobs import settings
from jobs.errors import JobError
from jobs.forest import scoring
from jobs.forest.scorer import Scorer
from jobs.replay.sending import stopping

log = logging.getLogger(__name__)

EVERY = 10
"""Seconds between two lines of progress."""

NAP = 0.2
"""Seconds between two looks at whether to end."""


class Stream:
    """What Spark hands to a scorer.

    Args:
        scorer: It has begun.
        places: The offsets to go on from, by partition.
        most: Offsets of one micro-batch.
    """

    def __init__(self, scorer: Scorer, places: Mapping[int, int], most: int) -> None:
        self.scorer = scorer
        self.source = _source(scorer, places, most)
        self.stop = threading.Event()
        self.working, self.closed = threading.Lock(), False
        self.error: BaseException | None = None
        self.begun = self.ended = 0.0

    def run(self, trigger: float, idle: float) -> float:
        """Score, and say how many seconds passed from the first micro-batch's begin to the end of the last.

        Args:
            trigger: Seconds between the begins of two micro-batches.
            idle: Seconds without anything new after which to end; 0 is never.

        Raises:
            JobError: Another scorer took over, or the brokers don't answer.
        """
        # Where to go on is in the table: what Spark notes for itself is thrown away.
        with tempfile.TemporaryDirectory(prefix="headrace-score-", ignore_cleanup_errors=True) as folder:
            query = (
                scoring.score(self.scorer.pipeline, self.source)
                .writeStream.foreachBatch(self._batch)
                .option("checkpointLocation", f"file://{folder}")
                .trigger(processingTime=f"{round(trigger * 1000)} milliseconds")
                .start()
            )
            with stopping(self.stop):
                self._watch(query, idle)
                with self.working:  # a micro-batch that was begun is ended
                    self.closed = True
                query.stop()
        if self.error is not None:
            raise self.error
        if failed := query.exception():
            raise JobError(
                f"{self.scorer.topic} can't be read on: {str(failed).splitlines()[0]}", hint="headrace cluster check"
            )
        return self.ended - self.begun

    def _batch(self, rows: DataFrame, _: int) -> None:
        with self.working:
            if self.closed:
                return
            self.begun = self.begun or time.monotonic()
            try:
                self.scorer.score(rows)
            except BaseException as error:
                self.error = error
                raise
            self.ended = time.monotonic()

    def _watch(self, query: StreamingQuery, idle: float) -> None:
        """Wait until it is to end, and say how far it is."""
        said = quiet = time.monotonic()
        ready = False
        while not self.stop.wait(NAP) and query.isActive:
            now, status = time.monotonic(), query.status
            ready = ready or status["message"].startswith("Waiting")
            if not ready or status["isDataAvailable"] or self.working.locked():
                quiet = now
            if idle and now - max(quiet, self.ended) > idle:
                return
            if now - said > EVERY:
                said = now
                self._say()

    def _say(self) -> None:
        tally = self.scorer.tally
        log.info(
            "%s: %d scored, %d alerts, %d dead letters in %d batches; latency p50 %.0f ms, p99 %.0f ms",
            *(self.scorer.topic, tally.scored, tally.alerts, tally.dead, tally.batches),
            *(tally.late.percentile(0.5), tally.late.percentile(0.99)),
        )


def _source(scorer: Scorer, places: Mapping[int, int], most: int) -> DataFrame:
    starting = json.dumps({scorer.topic: {str(each): offset for each, offset in sorted(places.items())}})
    return (
        scorer.spark.readStream.format("kafka")
        .options(**settings.load(settings.Kafka).spark())
        .option("subscribe", scorer.topic)
        .option("startingOffsets", starting)
        .option("maxOffsetsPerTrigger", most)
        .option("includeHeaders", "true")
        .option("kafka.isolation.level", "read_committed")
        .load()
        .select("key", "value", "headers", "topic", "partition", "offset", "timestamp")
    )
