"""One scorer of a topic: each micro-batch goes into the table first, then out as alerts and dead letters.

The table's newest entry says where to go on, not a checkpoint of Spark's: so nothing is lost or doubled when that is. A
micro-batch that was written but not told, as its scorer was killed in between, is told from what the table says of it.
"""
# pyspark and pyarrow type their rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

import json
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from jobs import bronze, kafka, redone, windows
from jobs.entries import Entry
from jobs.errors import JobError
from jobs.forest import scoring, telling
from jobs.forest.alerting import Alerts
from jobs.forest.drift import REFERENCE, Watch
from jobs.forest.scored import Scored
from jobs.forest.store import Model
from jobs.replay.pacing import Lateness
from jobs.windows import Window

log = logging.getLogger(__name__)
STAMP = pa.timestamp("us", "UTC")


@dataclass
class Tally:
    """What one run did.

    Args:
        scored: Records that went into the table.
        alerts: What was told as attacks.
        dead: Records that became dead letters.
        batches: Micro-batches.
        late: From a record's own time to its alert's acknowledgement.
    """

    scored: int = 0
    alerts: int = 0
    dead: int = 0
    batches: int = 0
    late: Lateness = field(default_factory=Lateness)


class Scorer:
    """One topic, one model, and those who hear of it.

    Args:
        spark: A driver of its own.
        topic: The topic.
        alerts: The topic of alerts.
        model: What scores.

    Raises:
        JobError: There is no such topic, or none of its dead letters.
    """

    def __init__(self, spark: SparkSession, topic: str, alerts: str, model: Model) -> None:
        self.topic, self.model = topic, model
        self.topic_id = kafka.topic_id(topic)
        kafka.topic_id(alerts)  # whether it is there
        self.outlet = telling.Outlet(spark, topic, alerts)
        self.alerts = Alerts(topic)
        self.table = Scored(spark, topic)
        spark.conf.set(
            "spark.sql.constraintPropagation.enabled", "false"
        )  # of 41 reasons to be none: minutes of planning
        self.spark, self.pipeline = spark, scoring.lenient(model.load())
        self.tally, self.watch = Tally(), Watch(REFERENCE.validate_python(json.loads(model.card).get("reference", {})))
        self.newest: Entry | None = None
        self.sent: dict[int, int] = {}

    @property
    def position(self) -> dict[int, int]:
        """The offset that the table goes on from, by partition."""
        return {each.partition: each.end for each in self.newest.windows} if self.newest else {}

    def begin(self, start: Literal["earliest", "latest"]) -> dict[int, int]:
        """Take over, finish what is left half done, and say where to go on, by partition.

        Args:
            start: Where a partition begins of which nothing is known.

        Raises:
            JobError: The topic is another one than the table's.
        """
        self.alerts.begin()
        available = kafka.watermarks(self.topic)
        self._settle(available)
        if self.newest and self.newest.through != self.model.version:
            log.info("model %d takes over from model %d", self.model.version, self.newest.through)
        places = {each: ends[start == "latest"] for each, ends in available.items()} | self.sent | self.position
        for each, (first, end) in available.items():
            if places[each] > end:
                raise self._other(f"partition {each} ends at {end}, and {places[each]} was scored")
            if places[each] < first:
                log.warning("%s: %d offsets of partition %d expired", self.topic, first - places[each], each)
                places[each] = first
        if self.sent.keys() != places.keys():  # so that the next one begins at the same places, whatever is killed
            self.alerts.tell([], places)
            self.sent = dict(places)
        return places

    def score(self, rows: DataFrame) -> None:
        """One micro-batch: into the table, then out.

        Args:
            rows: Scored ones.

        Raises:
            JobError: Another scorer took over, or the brokers don't take what is told.
        """
        while True:
            # One pass, and no cache: for Spark to keep the rows costs more than to hand them over.
            told = scoring.told(rows).toArrow()
            if not told.num_rows:
                return
            seen = _constant(
                _constant(told, "scored", pa.scalar(datetime.now(UTC), STAMP)), "model", self.model.version
            )
            entry, again = self._entry(seen)
            if not again:
                if self.table.append(seen.filter(~pc.field("dead")), entry):
                    break
                self._settle(kafka.watermarks(self.topic))  # another scorer wrote that number first
            done = [Window(self.topic, each, 0, end) for each, end in self.position.items()]
            rows = rows.where(f"NOT {redone.inside(done)}")
        self.newest = entry
        self._tell(seen, rows, entry)
        self.tally.scored += seen.num_rows - entry.counts["dead"]
        self.tally.batches += 1

    def close(self) -> None:
        """Leave the cluster."""
        self.alerts.close()

    def _entry(self, seen: Any) -> tuple[Entry, bool]:
        """The next entry, which says of every partition where it is; and whether some of it is in the table already."""
        found = seen.group_by("partition").aggregate([("offset", "min"), ("offset", "max")]).to_pylist()
        begun = self.sent | self.position
        first = {each["partition"]: each["offset_min"] for each in found} | begun
        ends = begun | {each["partition"]: each["offset_max"] + 1 for each in found}
        entry = Entry(
            self.newest.sequence + 1 if self.newest else 1,
            windows=[Window(self.topic, each, first[each], end) for each, end in sorted(ends.items())],
            topic_id=self.topic_id,
            through=self.model.version,  # of models/connections
            counts={"records": seen.num_rows, "dead": _dead(seen)},
        )
        return entry, any(each["offset_min"] < self.position.get(each["partition"], 0) for each in found)

    def _tell(self, seen: Any, rows: DataFrame, entry: Entry) -> None:
        """The alerts and dead letters of scored rows, and how far they go."""
        attacks = seen.filter(seen["alert"].is_valid())
        letters = self.outlet.letters(rows, entry) if entry.counts["dead"] else ()
        self.alerts.tell(chain(self.outlet.alerts(attacks, self.sent), letters), self.position)
        now = time.time()
        self.sent = self.position
        self.tally.late.add(((each["values"] / 1000, each["counts"]) for each in _millis(attacks).to_pylist()), now)
        self.tally.alerts += attacks.num_rows
        self.tally.dead += entry.counts["dead"]
        sample = seen["sample"].combine_chunks().drop_null()
        if len(sample):
            self.watch.add({name: sample.field(name).to_pylist() for name in self.watch.reference})

    def _settle(self, available: windows.Bounds) -> None:
        """See where table and group are; what is in the table and not out is told first."""
        self.newest, self.sent = self.table.newest(), self.alerts.sent(available)
        if self.newest is None:
            return
        if self.newest.topic_id != self.topic_id:
            raise self._other(f"its id is {self.topic_id}, and that of what was scored {self.newest.topic_id}")
        if not self.sent:
            log.warning("the offsets of the group are gone: what %s has is taken to be told", self.table.table.name)
            return
        told = [Window(self.topic, each, 0, end) for each, end in self.sent.items()]
        if unsent := windows.without(self.newest.windows, told):
            log.info("entry %d was written but not told: %s", self.newest.sequence, windows.written(unsent))
            self._finish(windows.clip(unsent, available), self.newest)

    def _finish(self, unsent: list[Window], entry: Entry) -> None:
        """Tell what a scorer wrote before it ended: its alerts by the table, its dead letters by parsing again."""
        if not unsent:
            return log.warning("entry %d expired before it was told", entry.sequence)
        said = self.table.of(unsent).select("partition", "offset", "said", "probability", "scored", "model")
        again = scoring.score(self.pipeline, bronze.records(self.spark, unsent)).drop("said", "probability")
        rows = again.join(said, ["partition", "offset"], "left")
        seen = scoring.told(rows).toArrow()
        entry.counts["dead"] = _dead(seen)
        return self._tell(seen, rows, entry)

    def _other(self, why: str) -> JobError:
        return JobError(
            f"{self.topic} was truncated, or deleted and made again: {why}",
            hint=f"score it under another name, or move {self.table.table.name} away",
        )


def _constant(rows: Any, name: str, value: Any) -> Any:
    """The rows with one more column, the same in each."""
    return rows.append_column(name, pa.repeat(value, rows.num_rows))


def _millis(rows: Any) -> Any:
    """How many rows have each time of their own, in ms."""
    return rows["timestamp"].cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64()).value_counts()


def _dead(seen: Any) -> int:
    return seen.filter(seen["dead"]).num_rows
