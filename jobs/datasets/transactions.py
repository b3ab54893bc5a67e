"""Transactions: payments by card; `montant` is the amount, in whole cents of the currency."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets import rules
from jobs.datasets.payments import CURRENCY, LARGEST, LONGEST, NAMES, NEEDED, TIME

# More places than money has, so that a fraction of a cent is seen and refused, not rounded.
SCHEMA = "id string, montant decimal(24, 6), currency string, account string, merchant string, timestamp string"
KEY = ("id",)
PERIOD = "day"
TOTAL = "total"
YEARS = (1970, 9999)  # what Spark can hand to Python


def parse(bronze: DataFrame) -> DataFrame:
    """One row a transaction: who paid how much to whom, and when (UTC)."""
    event = F.col("event")
    read = rules.from_json(bronze, SCHEMA)
    paid = F.try_to_timestamp(event.timestamp)
    in_time = event.timestamp.rlike(rf"^{TIME}\z") & F.coalesce(F.year(paid).between(*YEARS), F.lit(False))
    montant, currency = event.montant, event.currency
    parsed = read.select(
        event.id.alias("id"),
        montant.cast("decimal(18, 2)").alias("montant"),
        currency.alias("currency"),
        event.account.alias("account"),
        event.merchant.alias("merchant"),
        F.when(in_time, paid).alias("paid_at"),
        F.coalesce(
            "malformed",
            *(F.when(F.coalesce(event[name].cast("string"), F.lit("")) == "", F.lit(f"no {name}")) for name in NEEDED),
            *(F.when(F.length(event[name]) > LONGEST, F.lit(f"{name} too long")) for name in NAMES),
            F.when(~montant.between(0.01, LARGEST), "montant out of range"),
            F.when(montant != F.round(montant, 2), "montant has fractions of a cent"),
            F.when(~currency.rlike(rf"^{CURRENCY}\z"), "currency is none"),
            F.when(~in_time, "timestamp is none"),
        ).alias("reason"),
        *("topic", "partition", "offset", "timestamp", "key", "value", "headers"),
    )
    return parsed.withColumn("day", F.to_date("paid_at"))


def build(silver: DataFrame) -> DataFrame:
    """One row a day, merchant and currency: transactions, their sum and the largest."""
    return silver.groupBy("day", "merchant", "currency").agg(
        F.count("*").alias("total"),
        F.sum("montant").cast("decimal(28, 2)").alias("montant"),
        F.max("montant").alias("largest"),
    )
