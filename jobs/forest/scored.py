"""The table `scored/TOPIC`: every record of a topic once, with what a model took it for, and how far it is.

Each micro-batch is one commit with its ledger entry: a number that can be written once, and the windows that it took.
So the table itself says where to go on, and a second scorer, or one that comes back, can add nothing that is there.
"""

import time
from contextlib import suppress
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from pyspark.sql import DataFrame, SparkSession
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from jobs import entries, lake, redone
from jobs.entries import Entry
from jobs.errors import JobError
from jobs.windows import Window

COLUMNS = (
    "topic",
    "partition",
    "offset",
    "timestamp",
    "scored",
    "day",
    "label",
    "class",
    "said",
    "probability",
    "model",
)


class Scored:
    """The table of one topic.

    Args:
        spark: A session.
        topic: The topic.
    """

    def __init__(self, spark: SparkSession, topic: str) -> None:
        self.table = lake.Table(spark, f"scored/{topic}")
        self.written: DeltaTable | None = None

    def newest(self) -> Entry | None:
        """Its last entry; None if nothing was scored yet."""
        found = entries.entries(self.table.history(lake.NEWEST)) or self.table.ledger()
        return found[-1] if found else None

    def append(self, rows: Any, entry: Entry) -> bool:
        """Add rows and their entry at once; says whether they were: not if another scorer wrote that number first.

        Args:
            rows: An Arrow table with `COLUMNS`.
            entry: The next one.
        """
        try:
            return self._append(rows, entry)
        except (DeltaError, OSError) as error:
            raise JobError(
                f"{self.table.name} can't be written: {error}", hint="the same command again goes on where it ended"
            ) from error

    def of(self, windows: list[Window]) -> DataFrame:
        """Its rows of these windows."""
        return self.table.read().where(redone.inside(windows))

    # What another one committed meanwhile is looked at anew: it may have this number.
    @retry(retry=retry_if_exception_type(CommitFailedError), stop=stop_after_attempt(5), reraise=True)
    def _append(self, rows: Any, entry: Entry) -> bool:
        one = rows.select([*COLUMNS])
        table = self._newest_version(one.schema)
        if (table.transaction_version(lake.APPLICATION) or 0) >= entry.sequence:
            return False
        properties = CommitProperties(
            custom_metadata={"userMetadata": entries.dump(entry)},
            app_transactions=[Transaction(lake.APPLICATION, entry.sequence, round(time.time() * 1000))],
        )
        write_deltalake(table, one, mode="append", commit_properties=properties)
        return True

    def _newest_version(self, schema: Any) -> DeltaTable:
        """The table as it is now; it is made first, for of several who make it by writing more than one may write."""
        if self.written is None:
            if not DeltaTable.is_deltatable(self.table.uri):
                with suppress(DeltaError):  # somebody else makes it
                    DeltaTable.create(self.table.uri, schema)
            self.written = DeltaTable(self.table.uri)
        self.written.update_incremental()
        return self.written
