"""Where models are kept: beside the tables, each a version of the Delta table `models/connections`.

A model's files are written first, under a name of their own, and its row last. So a model is there when its row is, and
what a killed training left is never read.
"""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from pyspark.ml import PipelineModel
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs import lake
from jobs.errors import JobError

NAME = "models/connections"
SCHEMA = "version bigint, trained timestamp, run string, data string, files string, card string, page string"
TRIES = 5


@dataclass(frozen=True)
class Model:
    """A model that was trained.

    Args:
        version: From 1 on.
        trained: When.
        run: In which run.
        data: The SHA-256 of what it was trained with.
        files: Its folder, below the lake.
        card: What is known of it, as JSON.
        page: The same to read, as HTML.
    """

    version: int
    trained: datetime
    run: str
    data: str
    files: str
    card: str
    page: str

    @property
    def days(self) -> float:
        """How old it is."""
        return (datetime.now(UTC) - self.trained).total_seconds() / 86_400

    def load(self) -> PipelineModel:
        """The pipeline itself, in the session that there is: a driver of its own."""
        return PipelineModel.load(lake.uri(self.files))


def models(spark: SparkSession) -> list[Model]:
    """All of them, oldest first."""
    rows = lake.Table(spark, NAME).found()
    if rows is None:
        return []
    return [_read(row) for row in rows.withColumn("trained", F.unix_micros("trained")).orderBy("version").collect()]


def newest(spark: SparkSession) -> Model | None:
    """The newest, or None."""
    return next(reversed(models(spark)), None)


def model(spark: SparkSession, version: int = 0) -> Model:
    """One of them, the newest by default.

    Raises:
        JobError: There is none.
    """
    found = models(spark)
    chosen = next((each for each in reversed(found) if version in (0, each.version)), None)
    if chosen is None:
        there = f"there are versions 1 to {len(found)}" if found else "none was trained yet"
        said = f"there is no model {version}: {there}" if version else f"there is no model: {there}"
        raise JobError(said, hint="headrace forest train")
    return chosen


def save(
    spark: SparkSession, pipeline: PipelineModel, run: str, data: str, card: Callable[[int], tuple[str, str]]
) -> Model:
    """Keep a model as the next version; of two trainings at once each becomes one.

    Args:
        spark: The session.
        pipeline: The model.
        run: In which run it was trained.
        data: The SHA-256 of what it was trained with.
        card: What is known of it, by its version: as JSON and as HTML.
    """
    files = f"{NAME}-files/{uuid4().hex}"
    pipeline.save(lake.uri(files))
    table = lake.Table(spark, NAME)
    for tries in range(1, TRIES + 1):
        version = max((each.version for each in models(spark)), default=0) + 1
        made = Model(version, datetime.now(UTC), run, data, files, *card(version))
        rows = spark.createDataFrame([tuple(vars(made).values())], SCHEMA)
        options = {"txnAppId": "headrace", "txnVersion": version, **lake.FOREVER}  # a number is taken once
        try:
            rows.write.format("delta").options(**options).mode("append").save(table.uri)
        except lake.REFUSED as error:
            if not lake.CONFLICT.search(str(error)):
                raise
        if any(each.files == files for each in models(spark)):
            return made
        time.sleep(0.1 * tries)
    raise JobError(f"{TRIES} other trainings took each version that this one tried", hint="headrace forest train")


def _read(row: Row) -> Model:
    trained = datetime.fromtimestamp(row["trained"] / 1_000_000, UTC)
    return Model(row["version"], trained, row["run"], row["data"], row["files"], row["card"], row["page"])
