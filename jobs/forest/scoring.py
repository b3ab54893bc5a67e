"""Records scored: one pass from what came to what is kept, told and left out. The same for a stream and a table."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from pyspark.ml import PipelineModel
from pyspark.ml.classification import RandomForestClassificationModel
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets import connections
from jobs.datasets.nslkdd import FEATURES, NORMAL
from jobs.forest import model

SAMPLE = 16
"""Of so many records one is looked at for drift."""

LONGEST = 100  # characters of a name that an alert says: a service is whatever the sender calls it
KEPT = ("topic", "partition", "offset", "timestamp", "day", "label", "class", "said", "probability")


def lenient(pipeline: PipelineModel) -> PipelineModel:
    """A model that takes what is no connection for anything, rather than end; it says the same of connections."""
    for stage in pipeline.stages:
        if isinstance(stage, VectorAssembler):
            stage.setHandleInvalid("keep")
        if isinstance(stage, RandomForestClassificationModel):
            stage.setRawPredictionCol("")  # nobody reads the votes; the class is found by the probabilities
    return pipeline


def score(pipeline: PipelineModel, records: DataFrame) -> DataFrame:
    """One row a record: where it was, what it is and was taken for, and the reason if it is none.

    All in one pass, so that a line is parsed once: what has a reason is scored, too; `told` says nothing of it.

    Args:
        pipeline: The model, made `lenient`.
        records: Rows of bronze, or of the stream.
    """
    return model.said(pipeline, connections.parse(records))


def told(rows: DataFrame) -> DataFrame:
    """What the driver must know of each row: what the table keeps, its alert if it is one, and what drift looks at.

    Nothing in it changes from one micro-batch to the next, or Spark would compile it anew each time.

    Args:
        rows: Scored ones.
    """
    good = F.col("reason").isNull()
    attack = good & (F.col("said") != NORMAL)
    alert = F.struct(
        F.concat_ws("/", "topic", "partition", "offset").alias("id"),
        *("topic", "partition", "offset"),
        F.unix_millis("timestamp").alias("produced"),
        "said",
        F.round("probability", 4).alias("probability"),
        *("label", "class", "protocol_type"),
        F.left("service", F.lit(LONGEST)).alias("service"),
        *("src_bytes", "dst_bytes"),
    )
    return rows.select(
        *KEPT,
        (~good).alias("dead"),
        F.when(attack, F.col("key")).alias("key"),
        F.when(attack, F.to_json(alert, {"ignoreNullFields": "false"})).alias("alert"),
        F.when(good & (F.col("offset") % SAMPLE == 0), F.struct(*FEATURES)).alias("sample"),
        *(each for each in ("scored", "model") if each in rows.columns),  # where the table has them already
    )
