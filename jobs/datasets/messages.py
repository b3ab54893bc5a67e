"""Messages: what Telegram's bots receive, in the JSON of Camel's Telegram source.

The fields are those of the Bot API's Message; Camel writes a chat's id as text.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets import rules

SCHEMA = (
    "message_id bigint, date bigint, text string, chat struct<id: string, type: string>,"
    " `from` struct<id: bigint, username: string>"
)
KEY = ("chat_id", "message_id")
PERIOD = "day"
TOTAL = "events"
LAST_SECOND = 253_402_300_799  # of the year 9999; Spark refuses later timestamps and ends the whole job


def parse(bronze: DataFrame) -> DataFrame:
    """One row a message: who wrote what in which chat, and when (UTC)."""
    event = F.col("event")
    parsed = rules.from_json(bronze, SCHEMA).select(
        event.chat.id.alias("chat_id"),
        event.message_id.alias("message_id"),
        event["from"].id.alias("sender_id"),
        event["from"].username.alias("sender"),
        event.text.alias("text"),
        F.when(event.date.between(0, LAST_SECOND), F.timestamp_seconds(event.date)).alias("sent_at"),
        F.when(~event.date.between(0, LAST_SECOND), "date out of range").alias("out_of_range"),
        "topic",
        "partition",
        "offset",
        "timestamp",
        "key",
        "value",
        "headers",
        "malformed",
    )
    return (
        parsed.withColumn("day", F.to_date("sent_at"))
        .withColumn("reason", F.coalesce("malformed", "out_of_range", *map(_missing, (*KEY, "sent_at"))))
        .drop("malformed", "out_of_range")
    )


def build(silver: DataFrame) -> DataFrame:
    """One row a chat and day: messages, the people who wrote them, their characters."""
    return silver.groupBy("chat_id", "day").agg(
        F.count("*").alias("events"),
        F.count_distinct("sender_id").alias("senders"),
        F.sum(F.length("text")).alias("characters"),
        F.min("sent_at").alias("first_at"),
        F.max("sent_at").alias("last_at"),
    )


def _missing(column: str) -> Column:
    return F.when(F.col(column).isNull(), F.lit(f"no {column}"))
