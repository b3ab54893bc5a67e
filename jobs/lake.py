"""The tables: Delta, each with its own ledger in the commits that made it."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import os
import re
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from jobs import settings
from jobs.errors import JobError
from jobs.windows import Window

# The transaction identifier under which every load of a table is numbered.
APPLICATION = "headrace"
# How Delta says that another writer was there first; also when both make the table.
CONFLICT = re.compile(r"io\.delta\.exceptions\.|DELTA_(CONCURRENT|PROTOCOL_CHANGED|METADATA_CHANGED)")
# How Delta says that there is no table; a table that cannot be read is another matter.
ABSENT = ("DELTA_TABLE_ONLY_OPERATION", "DELTA_MISSING_DELTA_TABLE", "DELTA_TABLE_NOT_FOUND")
FOREVER = {"delta.logRetentionDuration": "interval 36500 days"}  # the log is the ledger


@dataclass(frozen=True)
class Entry:
    """One line of a table's ledger, written in the same commit as the rows it speaks of.

    Args:
        sequence: Its number: 1, 2, 3 without a hole; also the column `load` of its rows.
        run: The run of the workflow that wrote it.
        windows: What it took from the topic (bronze).
        topic_id: Which topic that was: a topic made again has another id (bronze).
        expired: What the topic no longer held when it was to be taken (bronze).
        skipped: What lay before a range and was left for later (bronze).
        through: The last entry of the layer below that is included (silver, gold).
        below: The `id` of that entry: a layer made anew has others.
        counts: What became of the records that did not become rows.
        rows: How many rows it wrote, as Delta counted them.
        id: What tells this entry from that of another run which tried the same number.
    """

    sequence: int
    run: str = field(default_factory=lambda: os.environ.get("HEADRACE_RUN", "by hand"))
    windows: list[Window] = field(default_factory=list[Window])
    topic_id: str = ""
    expired: list[Window] = field(default_factory=list[Window])
    skipped: list[Window] = field(default_factory=list[Window])
    through: int = 0
    below: str = ""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    rows: int = 0
    id: str = field(default_factory=lambda: uuid4().hex)


class Table:
    """One Delta table of the lake.

    Args:
        spark: The session that reads and writes it.
        name: Layer and table: `bronze/messages`.
    """

    def __init__(self, spark: SparkSession, name: str) -> None:
        self.spark = spark
        self.name = name
        self.uri = f"{settings.load(settings.Lake).uri.rstrip('/')}/{name}"

    def read(self) -> DataFrame:
        """Its rows as they are now."""
        return self.spark.read.format("delta").load(self.uri)

    def ledger(self) -> list[Entry]:
        """Its entries, oldest first; none if the table does not exist."""
        try:
            history = self.spark.sql(f"DESCRIBE HISTORY delta.`{self.uri}`")
            commits = (
                history.where("userMetadata IS NOT NULL")
                .orderBy("version")
                .select("userMetadata", "operationMetrics.numOutputRows")
                .collect()
            )
        except PySparkException as error:
            if error.getCondition() in ABSENT:
                return []
            raise
        return [_entry(commit[0], int(commit[1] or 0)) for commit in commits]

    def commit(self, rows: DataFrame, entry: Entry, *, replace: str = "") -> Entry:
        """Write rows and their entry at once, unless another run took the entry's number first.

        Args:
            rows: What to write; they replace what `replace` matches, or are added.
            entry: The ledger entry: number `n` can be written only once.
            replace: A condition on the table's rows that all new rows meet, too.

        Returns:
            The entry as it was written, with the number of rows.

        Raises:
            JobError: Another run wrote entry `n`, now or before; nothing was written.
        """
        options = {
            "txnAppId": APPLICATION,
            "txnVersion": entry.sequence,
            "userMetadata": json.dumps(asdict(entry)),
            **FOREVER,
        }
        writer = rows.write.format("delta").options(**options)
        mode = writer.mode("overwrite" if replace else "append")
        if replace:
            mode = mode.option("replaceWhere", replace)
        try:
            mode.save(self.uri)
        except PySparkException as error:
            if CONFLICT.search(str(error)):
                raise _lost(self.name, entry) from error
            raise
        written = next((each for each in self.ledger() if each.id == entry.id), None)
        if written is None:
            raise _lost(self.name, entry)
        return written


def included(name: str, ledger: list[Entry], below: list[Entry]) -> int:
    """The last entry of the layer below that a table includes; 0 if it includes none.

    Raises:
        JobError: The layer below is not the one that the table was made from.
    """
    if not ledger:
        return 0
    last = ledger[-1]
    if last.through > len(below) or (last.below and below[last.through - 1].id != last.below):
        raise JobError(
            f"{name} was made from a table that is no longer there: entry {last.through} below it is another one",
            hint=f"move {name} away too, and run the job again",
        )
    return last.through


def _entry(metadata: str, rows: int) -> Entry:
    given: dict[str, Any] = json.loads(metadata)
    return TypeAdapter(Entry).validate_python({**given, "rows": rows})


def _lost(name: str, entry: Entry) -> JobError:
    return JobError(
        f"{name}: another run wrote entry {entry.sequence} of the ledger first; nothing of this run was written",
        hint="run the job again: it goes on from there",
    )
