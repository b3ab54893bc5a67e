"""Rules that several datasets share."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812


def from_json(bronze: DataFrame, schema: str) -> DataFrame:
    """The records with `event`, their value read as JSON, and `malformed`, why it can't be, or null.

    Args:
        bronze: Rows with a binary `value`.
        schema: The fields of the JSON object, as DDL; other fields are left out.
    """
    text = F.col("value").cast("string")
    malformed = (
        F.when(F.col("value").isNull(), "no value")
        .when(~F.is_valid_utf8(text), "not UTF-8")
        .when(F.col("event").isNull() | F.col("event._malformed").isNotNull(), "not JSON of the schema")
    )
    options = {"columnNameOfCorruptRecord": "_malformed"}
    # Spark would read the JSON again for each field that a filter looks at, were it not kept from moving the filter
    # below: it moves none below what is not deterministic.
    here = F.spark_partition_id() >= 0
    event = F.when(here, F.from_json(text, f"{schema}, _malformed string", options))
    return bronze.withColumn("event", event).withColumn("malformed", malformed)
