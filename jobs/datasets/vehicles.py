"""Vehicles: what electric vehicles report of themselves: how full, where and how fast."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets import rules

# Charge is a decimal, so that its average does not depend on the order in which Spark adds it up.
SCHEMA = (
    "event_id string, vehicle_id string, type string, time string,"
    " battery decimal(9, 4), latitude double, longitude double, speed double"
)
KEY = ("event_id",)
PERIOD = "day"
TOTAL = "total"
NEEDED = ("event_id", "vehicle_id", "type", "time", "battery", "latitude", "longitude", "speed")
LIMITS = {"battery": (0, 100), "latitude": (-90, 90), "longitude": (-180, 180), "speed": (0, 1000)}
YEARS = (1970, 9999)  # what Spark can hand to Python


def parse(bronze: DataFrame) -> DataFrame:
    """One row an event: which vehicle, when (UTC), its charge in %, its place in degrees, its speed in km/h."""
    event = F.col("event")
    read = rules.from_json(bronze, SCHEMA)
    time = F.try_to_timestamp(event.time)
    parsed = read.select(
        event.event_id.alias("event_id"),
        event.vehicle_id.alias("vehicle_id"),
        event.type.alias("type"),
        F.when(F.year(time).between(*YEARS), time).alias("time"),
        *(event[name].alias(name) for name in LIMITS),
        F.when(event.time.isNotNull() & ~F.coalesce(F.year(time).between(*YEARS), F.lit(False)), "time is none").alias(
            "no_time"
        ),
        "topic",
        "partition",
        "offset",
        "timestamp",
        "key",
        "value",
        "headers",
        "malformed",
    )
    reasons = ["malformed", "no_time", *map(_missing, NEEDED), *(_outside(name, *LIMITS[name]) for name in LIMITS)]
    return (
        parsed.withColumn("day", F.to_date("time"))
        .withColumn("reason", F.coalesce(*reasons))
        .drop("malformed", "no_time")
    )


def build(silver: DataFrame) -> DataFrame:
    """One row a type and day: events, their average charge in %, and how far north one was, in degrees."""
    return silver.groupBy("type", "day").agg(
        F.count("*").alias("total"),
        F.round(F.avg("battery"), 4).cast("double").alias("avg_battery"),
        F.max("latitude").alias("max_lat"),
    )


def _missing(column: str) -> Column:
    return F.when(F.col(column).isNull(), F.lit(f"no {column}"))


def _outside(column: str, low: float, high: float) -> Column:
    return F.when(~F.col(column).between(low, high), F.lit(f"{column} out of range"))
