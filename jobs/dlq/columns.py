"""The envelope as Spark's columns: what `letter.encode` does for one letter, for many at once."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.dlq import letter
from jobs.dlq.sending import OVERHEAD, topic_of

ORIGIN = ("topic", "partition", "offset")


def encode(records: DataFrame, *, run: str, entry: int) -> DataFrame:
    """`key`, `value` and `headers` of a letter for each record.

    Args:
        records: Rows of bronze with `reason`; with `stored` (a table, or "") where the value is left out for its size.
        run: Which run could not process them.
        entry: The number of the ledger entry that is being written.
    """
    own = _own()
    pointed = F.col("stored").isNotNull()
    said = {
        letter.HEADERS: F.size(own),
        letter.REASON: F.col("reason"),
        letter.RUN: F.lit(run),
        letter.ENTRY: F.lit(entry),  # of two at once, the last to write may not be the one to commit
        letter.TIME: F.unix_millis(F.current_timestamp()),
        letter.KEY: F.col("key"),
        letter.TIMESTAMP: F.unix_millis("timestamp"),
        letter.NULL: F.when(F.col("value").isNull(), "true"),
        letter.SIZE: F.when(pointed, F.octet_length("value")),
        letter.HASH: F.when(pointed, F.sha2("value", 256)),
        letter.STORED: F.col("stored"),
    }
    headers = F.filter(F.array(*(_header(*each) for each in said.items())), lambda each: each.value.isNotNull())
    value = F.when(F.col("value").isNull() | pointed, F.lit(b"")).otherwise(F.col("value"))
    return records.select(
        F.concat_ws("/", *ORIGIN).cast("binary").alias("key"),
        value.alias("value"),
        F.concat(own, headers).alias("headers"),
    )


def size() -> Column:
    """At most how many bytes a record's letter takes, by its `key`, `value`, `headers` and `reason`."""
    lengths = F.transform(_own(), lambda each: F.octet_length(each.key) + _length(each.value) + 10)
    headers = F.aggregate(lengths, F.lit(OVERHEAD), lambda total, each: total + each)
    return headers + _length(F.col("key")) + _length(F.col("value")) + _length(F.col("reason"))


def put_back() -> Column:
    """Whether a row of bronze is a letter of its topic's own dead letters that was put back."""
    own = F.concat(F.col("topic"), F.lit(f"{topic_of('')}/"))
    return F.exists(_own(), lambda each: (each.key == letter.LETTER) & F.startswith(each.value, own.cast("binary")))


def _own() -> Column:
    return F.coalesce("headers", F.array().cast("array<struct<key:string,value:binary>>"))


def _length(column: Column) -> Column:
    return F.coalesce(F.octet_length(column), F.lit(0))


def _header(name: str, value: Column) -> Column:
    text = value if name == letter.KEY else value.cast("string").cast("binary")
    return F.struct(F.lit(name).alias("key"), text.alias("value"))
