"""The table `scored/TOPIC`: every record of a topic once, with what a model took it for, and how far it is.

Each micro-batch is one commit with its ledger entry: a number that can be written once, and the windows that it took.
So the table itself says where to go on, and a second scorer, or one that comes back, can add nothing that is there.
"""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobs import entries, lake, redone
from jobs.entries import Entry
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

LARGE = 50_000  # rows


class Scored:
    """The table of one topic.

    Args:
        spark: A session.
        topic: The topic.
    """

    def __init__(self, spark: SparkSession, topic: str) -> None:
        self.spark = spark
        self.table = lake.Table(spark, f"scored/{topic}")

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
        options = {
            "txnAppId": lake.APPLICATION,
            "txnVersion": entry.sequence,
            "userMetadata": entries.dump(entry),
        }
        files = 1 + rows.num_rows // LARGE  # there are many micro-batches; a large one keeps all cores busy
        one = self.spark.createDataFrame(rows.select([*COLUMNS])).coalesce(files)
        try:
            one.write.format("delta").options(**options).mode("append").save(self.table.uri)
        except lake.REFUSED as error:
            if lake.CONFLICT.search(str(error)):
                return False
            raise
        return any(self._has(entry, newest) for newest in (1, lake.NEWEST))  # an OPTIMIZE may have come after it

    def of(self, windows: list[Window]) -> DataFrame:
        """Its rows of these windows."""
        return self.table.read().where(redone.inside(windows))

    def _has(self, entry: Entry, newest: int) -> bool:
        return any(each.id == entry.id for each in entries.entries(self.table.history(newest)))
