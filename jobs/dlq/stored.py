"""Values that no dead letter can hold: in the lake, in the table `dead/TOPIC`, known by their hash."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import hashlib
import logging

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs import lake
from jobs.errors import JobError
from jobs.spark import session

log = logging.getLogger(__name__)
SCHEMA = "sha256 string, size int, value binary"
TRIES = 5


def table(topic: str) -> str:
    """The table of a topic's large values."""
    return f"dead/{topic}"


def keep_all(spark: SparkSession, topic: str, values: DataFrame) -> None:
    """Put values into the lake unless they are there: the same value twice is one row.

    Args:
        spark: The session.
        topic: The topic that they were on.
        values: A binary column `value`.
    """
    there = lake.Table(spark, table(topic))
    new = values.select(
        F.sha2("value", 256).alias("sha256"), F.octet_length("value").alias("size"), "value"
    ).dropDuplicates(["sha256"])
    for tries in range(1, TRIES + 1):
        known = there.found()
        rows = new.join(known.select("sha256"), on="sha256", how="left_anti") if known is not None else new
        try:
            rows.write.format("delta").mode("append").save(there.uri)
        except lake.REFUSED as error:  # another run made the table at the same time
            if tries == TRIES or not lake.CONFLICT.search(str(error)):
                raise
        else:
            return


def keep(value: bytes, topic: str) -> str:
    """Put one value into the lake, and say in which table it is; "" if there is no lake to put it into."""
    try:
        spark = session("dlq-keep")
        keep_all(spark, topic, spark.createDataFrame([(value,)], "value binary"))
    except JobError as error:
        log.warning("a value of %d bytes is too large for a dead letter, and is kept nowhere: %s", len(value), error)
        return ""
    return table(topic)


def fetch(stored: str, sha256: str) -> bytes:
    """A value of the lake, whole.

    Raises:
        JobError: It is not there any more, or is another one.
    """
    there = lake.Table(session("dlq-fetch"), stored)
    try:
        found = there.read().where(F.col("sha256") == sha256).select("value").head()
    except PySparkException as error:
        if error.getCondition() not in (*lake.ABSENT, "PATH_NOT_FOUND"):
            raise
        found = None
    if found is None:
        raise JobError(f"{stored} in the lake no longer holds {sha256}")
    value = bytes(found[0])
    if hashlib.sha256(value).hexdigest() != sha256:
        raise JobError(f"{stored} in the lake holds another value as {sha256}")
    return value
