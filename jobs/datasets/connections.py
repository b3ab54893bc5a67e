"""Connections: what passed between two hosts, in the format of NSL-KDD, with its label where somebody knows it."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets.nslkdd import CLASS_OF, FEATURES, FLAGS, PROTOCOLS, RATES, SYMBOLIC

KEY = ("partition", "offset")  # a connection has no name of its own: each record is one
PERIOD = "day"
TOTAL = "total"
LARGEST = 4_294_967_295  # bytes and seconds that were seen; more is a broken line
SCHEMA = ", ".join(f"{name} {kind}" for name, kind in FEATURES.items())
AFTER = 2  # fields that may follow the features: label and difficulty


def parse(bronze: DataFrame) -> DataFrame:
    """One row a connection: its 41 features, and its `label` and `class` where the line has them."""
    text = F.col("value").cast("string")
    missing = len(FEATURES) + AFTER - 1 - F.length(text) + F.length(F.replace(text, F.lit(","), F.lit("")))
    options = {"columnNameOfCorruptRecord": "_malformed"}
    # A line without label has them empty; one with fewer or more fields is not read: at thousands Spark gives up.
    line = F.when(F.col("missing").between(0, AFTER), F.concat(text, F.repeat(F.lit(","), F.col("missing"))))
    fields = F.from_csv(line, f"{SCHEMA}, label string, _difficulty string, _malformed string", options)
    # A condition on a column is moved below the projection that makes it, where it would read the line anew for each
    # feature that it names, and be too long to be compiled; nothing is moved below an explode.
    counted = bronze.select("*", F.explode(F.array(missing)).alias("missing"))
    read = counted.select("*", F.explode(F.array(fields)).alias("line"))
    line = F.col("line")
    malformed = (
        F.when(F.col("value").isNull(), "no value")
        .when(~F.is_valid_utf8(text), "not UTF-8")
        .when(~F.col("missing").between(0, AFTER), "not 41 to 43 fields")
        .when(line.isNull() | line._malformed.isNotNull(), "not the fields of NSL-KDD")
    )
    typed = read.select(
        *(line[name].alias(name) for name in FEATURES),
        F.lower(F.trim(line.label)).alias("label"),
        F.to_date("timestamp").alias("day"),
        *("topic", "partition", "offset", "timestamp", "key", "value", "headers"),
        malformed.alias("malformed"),
    )
    names = F.create_map(*(F.lit(word) for pair in CLASS_OF.items() for word in pair))
    unknown = F.when(F.col("label").isNotNull() & F.col("class").isNull(), "a label that NSL-KDD has not")
    return (
        typed.withColumn("class", F.try_element_at(names, F.col("label")))
        .withColumn("reason", F.coalesce("malformed", *map(_wrong, FEATURES), unknown))
        .drop("malformed")
    )


def build(silver: DataFrame) -> DataFrame:
    """One row a day, protocol and class: connections, and the bytes they carried."""
    return silver.groupBy("day", "protocol_type", F.coalesce("class", F.lit("unknown")).alias("class")).agg(
        F.count("*").alias("total"),
        F.sum("src_bytes").alias("sent"),
        F.sum("dst_bytes").alias("received"),
    )


def _wrong(name: str) -> Column:
    """Why a feature can't be, or null."""
    value = F.col(name)
    if name in RATES:
        fine = value.between(0, 1)
    elif name in FLAGS:
        fine = value.isin(0, 1)
    elif name == "protocol_type":
        fine = value.isin(*PROTOCOLS)
    elif name in SYMBOLIC:
        fine = value.isNotNull()
    else:
        fine = value.between(0, LARGEST)
    return F.when(~F.coalesce(fine, F.lit(False)), F.lit(f"{name} is missing or out of range"))
