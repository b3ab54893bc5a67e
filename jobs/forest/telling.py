"""What scored rows come to on Kafka: alerts, and the letters of those that could not be scored."""
# pyspark and pyarrow type their rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs import dlq
from jobs.dlq import columns, stored
from jobs.entries import Entry
from jobs.forest.alerting import Told
from jobs.kafka import Record


class Outlet:
    """Makes the records of one scored topic.

    Args:
        spark: A session, for what is too large for a letter.
        topic: The topic that is scored.
        alerts: The topic of alerts.

    Raises:
        JobError: There is no topic of dead letters.
    """

    def __init__(self, spark: SparkSession, topic: str, alerts: str) -> None:
        self.spark, self.topic, self.to = spark, topic, alerts
        self.limit = dlq.limit(dlq.topic_of(topic))

    def alerts(self, attacks: Any, sent: Mapping[int, int]) -> Iterator[Told]:
        """The alerts that are not out yet: all of them, unless the table was set back.

        Args:
            attacks: What `scoring.told` says of rows that were taken for attacks.
            sent: How far everything is out, by partition.
        """
        names = ("partition", "offset", "key", "alert", "model")
        scored = attacks["scored"].cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
        columns = (each.to_pylist() for each in (*(attacks[name] for name in names), scored))
        for partition, offset, key, alert, model, time in zip(*columns, strict=True):
            if offset >= sent.get(partition, 0):
                yield Told(self.to, Record(f'{alert[:-1]},"scored":{time},"model":{model}}}'.encode(), key))

    def letters(self, rows: DataFrame, entry: Entry) -> Iterator[Told]:
        """The letters of the rows that have a reason; a value that their topic can't take goes to the lake.

        Args:
            rows: Scored ones.
            entry: The ledger entry that they are of.
        """
        large = (columns.size() > self.limit) & F.col("value").isNotNull()
        dead = rows.where("reason IS NOT NULL").persist()
        try:
            if not dead.where(large).isEmpty():
                stored.keep_all(self.spark, self.topic, dead.where(large).select("value"))
            pointed = dead.withColumn("stored", F.when(large, stored.table(self.topic)))
            for row in columns.encode(pointed, run=entry.run, entry=entry.sequence).toLocalIterator():
                headers = [(name, None if value is None else bytes(value)) for name, value in row["headers"]]
                yield Told(dlq.topic_of(self.topic), Record(bytes(row["value"]), bytes(row["key"]), headers=headers))
        finally:
            dead.unpersist()
