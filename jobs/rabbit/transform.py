"""Messages as rows of Spark, validated and transformed by the functions of their dataset."""
# pyarrow and pyspark type little:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs import datasets
from jobs.rabbit.link import Message

SCHEMA = pa.schema(
    [
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
    ]
)
OURS = ("topic", "partition", "offset", "timestamp", "key", "value", "headers", "reason")
"""Columns that say where a record was, not what it says."""


@dataclass(frozen=True)
class Parsed:
    """What became of a batch, by the place of each message in it.

    Args:
        documents: What is to be written, with `_id`.
        refused: Why a message is none.
    """

    documents: dict[int, dict[str, Any]]
    refused: dict[int, str]


def parse(spark: SparkSession, dataset: datasets.Name, queue: str, batch: Sequence[Message]) -> Parsed:
    """Read a batch as records of the dataset, by the same function that reads bronze.

    A document's `_id` is the event's own id: the values of the dataset's KEY.
    """
    rules, now = datasets.named(dataset), datetime.now(UTC)
    table = pa.table(
        [
            [each.id.encode() or None for each in batch],
            [each.body for each in batch],
            [queue] * len(batch),
            [0] * len(batch),
            range(len(batch)),
            [now] * len(batch),
        ],
        schema=SCHEMA,
    )
    records = spark.createDataFrame(table).withColumn(
        "headers", F.lit(None).cast("array<struct<key:string,value:binary>>")
    )
    parsed = rules.parse(records)
    identity = F.concat_ws("/", *(F.col(name).cast("string") for name in rules.KEY)).alias("_id")
    columns = [name for name in parsed.columns if name not in OURS]
    found = parsed.select("offset", "reason", identity, *columns).toArrow().to_pylist()
    documents, refused = dict[int, dict[str, Any]](), dict[int, str]()
    for row in found:
        place, reason = row.pop("offset"), row.pop("reason")
        if reason is None:
            documents[place] = row
        else:
            refused[place] = reason
    return Parsed(documents, refused)
