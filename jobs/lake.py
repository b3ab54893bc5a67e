"""The tables: Delta, each with its own ledger in the commits that made it."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

import re
from collections.abc import Iterable

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs import entries, settings
from jobs.entries import Commit, Entry, included
from jobs.errors import JobError, UsageError

__all__ = ["Entry", "Table", "fingerprint", "included"]

# The transaction identifier under which every load of a table is numbered.
APPLICATION = "headrace"
# What a failed write raises: through a server, and from a driver of the job's own.
REFUSED = (PySparkException, Py4JJavaError)
# How Delta says that another writer was there first; also when both make the table.
CONFLICT = re.compile(r"io\.delta\.exceptions\.|DELTA_(CONCURRENT|PROTOCOL_CHANGED|METADATA_CHANGED)")
# How Delta says that there is no table; a table that cannot be read is another matter.
ABSENT = ("DELTA_TABLE_ONLY_OPERATION", "DELTA_MISSING_DELTA_TABLE", "DELTA_TABLE_NOT_FOUND")
FOREVER = {"delta.logRetentionDuration": "interval 36500 days"}  # the log is the ledger
NEWEST = 25  # commits among which a run looks for its own


class Table:
    """One Delta table of the lake.

    Args:
        spark: The session that reads and writes it.
        name: Layer and table: `bronze/messages`.
    """

    def __init__(self, spark: SparkSession, name: str) -> None:
        self.spark = spark
        self.name = name
        self.uri = uri(name)

    @property
    def sql(self) -> str:
        """How SQL calls it."""
        return f"delta.`{self.uri}`"

    def read(self, version: int | None = None) -> DataFrame:
        """Its rows as they are now, or as they were at a version."""
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(self.uri)

    def found(self) -> DataFrame | None:
        """Its rows; None if there is no such table."""
        try:
            rows = self.read()
            rows.schema  # noqa: B018 - asks whether it is there
        except PySparkException as error:
            if error.getCondition() in (*ABSENT, "PATH_NOT_FOUND"):
                return None
            raise
        return rows

    def history(self, newest: int = 0) -> list[Commit]:
        """Its commits, oldest first, or only so many of the newest; none if the table does not exist."""
        limit = f" LIMIT {newest}" if newest else ""
        try:
            rows = (
                self.spark.sql(f"DESCRIBE HISTORY {self.sql}{limit}")
                .select(
                    "version",
                    F.unix_millis("timestamp").alias("at"),
                    "operation",
                    F.to_json("operationParameters").alias("parameters"),
                    "userMetadata",
                    (_metric("numOutputRows", "num_added_rows") - _metric("numCopiedRows"))
                    .cast("string")
                    .alias("rows"),
                    F.coalesce("engineInfo", F.lit("")).alias("engine"),
                )
                .collect()
            )
        except PySparkException as error:
            if error.getCondition() in ABSENT:
                return []
            raise
        return sorted((_commit(row) for row in rows), key=lambda each: each.version)

    def ledger(self) -> list[Entry]:
        """Its entries, oldest first; none if the table does not exist."""
        return entries.entries(self.history())

    def commit(self, rows: DataFrame, entry: Entry, *, replace: str = "") -> Entry:
        """Write rows and their entry at once, unless another run took the entry's number first.

        Args:
            rows: What to write; they replace what `replace` matches, or the whole table (`entry.anew`), or are added.
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
            "userMetadata": entries.dump(entry),
            **FOREVER,
        }
        mode = rows.write.format("delta").options(**options)
        mode = mode.mode("overwrite" if replace or entry.anew else "append")
        if entry.anew:
            mode = mode.option("overwriteSchema", "true")
        elif replace:
            mode = mode.option("replaceWhere", replace)
        try:
            mode.save(self.uri)
        except REFUSED as error:
            if CONFLICT.search(str(error)):
                raise _lost(self.name, entry) from error
            raise
        newest = entries.entries(self.history(NEWEST))
        written = next((each for each in reversed(newest) if each.id == entry.id), None)
        if written is None:
            raise _lost(self.name, entry)
        return written

    def must_fit(self, rows: DataFrame, again: str) -> None:
        """Refuse rows whose columns are others than the table's: its dataset has changed since.

        Args:
            rows: What is to be written.
            again: The command that makes the table anew.

        Raises:
            UsageError: A column is new, gone, or of another type; nothing was written.
        """
        has, writes = ({each.name: each.dataType.simpleString() for each in of.schema} for of in (self.read(), rows))
        differs = (
            [f"+ {name} {kind}" for name, kind in writes.items() if name not in has]
            + [f"- {name}" for name in has if name not in writes]
            + [f"~ {name} {has[name]} -> {kind}" for name, kind in writes.items() if has.get(name, kind) != kind]
        )
        if differs:
            raise UsageError(
                f"{self.name} has other columns than its dataset writes now: {', '.join(differs)}", hint=again
            )


def uri(name: str) -> str:
    """Where something of the lake is."""
    return f"{settings.load(settings.Lake).uri.rstrip('/')}/{name}"


def fingerprint(columns: Iterable[str], *, where: Column | None = None) -> Column:
    """A hash of all rows, or of those that meet `where`, whatever their order: a number of 64 bits with a sign.

    It is the XOR of the rows' own hashes, so that of two sets of rows is the XOR of theirs; no rows have 0.
    """
    hashed = F.xxhash64(*sorted(columns))
    return F.coalesce(F.bit_xor(hashed if where is None else F.when(where, hashed)), F.lit(0))


def _metric(*names: str) -> Column:
    """A figure of the commit, as Spark calls it or delta-rs; rows that were only copied are among those put out."""
    return F.coalesce(*(F.col(f"operationMetrics.{each}").cast("bigint") for each in names), F.lit(0))


def _commit(row: Row) -> Commit:
    parameters = entries.PARAMETERS.validate_json(row["parameters"] or "{}")
    return Commit(
        row["version"], row["at"], row["operation"], parameters, row["userMetadata"], int(row["rows"]), row["engine"]
    )


def _lost(name: str, entry: Entry) -> JobError:
    return JobError(
        f"{name}: another run wrote entry {entry.sequence} of the ledger first; nothing of this run was written",
        hint="run the job again: it goes on from there",
    )
