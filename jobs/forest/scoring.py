"""Records scored: one pass from what came to what is kept, told and left out. The same for a stream and a table."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from pyspark.ml import PipelineModel
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets import connections
from jobs.datasets.nslkdd import FEATURES, NORMAL
from jobs.forest import model

SAMPLE = 16
"""Of so many records one is looked at for drift."""

LONGEST = 100  # characters of a name that an alert says: a service is whatever the sender calls it
PLACE = ("topic", "partition", "offset", "timestamp")
TOLD = ("protocol_type", "service", "src_bytes", "dst_bytes")


def lenient(pipeline: PipelineModel) -> PipelineModel:
    """A model that takes what is no connection for anything, rather than end; it says the same of connections."""
    for stage in pipeline.stages:
        if isinstance(stage, VectorAssembler):
            stage.setHandleInvalid("keep")
    return pipeline


def score(pipeline: PipelineModel, records: DataFrame) -> DataFrame:
    """One row a record: where it was, what it is and was taken for, and the reason if it is none.

    All in one pass, so that a line is parsed once: what has a reason is scored, too, and says nothing.

    Args:
        pipeline: The model, made `lenient`.
        records: Rows of bronze, or of the stream.
    """
    parsed = connections.parse(records)
    good = F.col("reason").isNull()
    scored = model.said(pipeline, parsed)
    looked_at = good & (F.col("offset") % SAMPLE == 0)
    bad = F.col("reason").isNotNull()
    return scored.select(
        *PLACE,
        "key",
        *("day", "label", "class", *TOLD, "reason"),
        *(F.when(good, F.col(name)).alias(name) for name in ("said", "probability")),
        *(F.when(bad, F.col(name)).alias(name) for name in ("value", "headers")),
        F.when(looked_at, F.struct(*FEATURES)).alias("sample"),
    )


def told(rows: DataFrame) -> DataFrame:
    """What the driver must know of each row: its place and time, its alert if it is one, and what drift looks at.

    Args:
        rows: Scored ones, with `scored` and `model`.
    """
    origin = F.concat_ws("/", "topic", "partition", "offset")
    said = F.struct(
        origin.alias("id"),
        *("topic", "partition", "offset"),
        F.unix_millis("timestamp").alias("produced"),
        F.unix_millis("scored").alias("scored"),
        "said",
        F.round("probability", 4).alias("probability"),
        *("label", "class", "model", "protocol_type"),
        F.left("service", F.lit(LONGEST)).alias("service"),
        *("src_bytes", "dst_bytes"),
    )
    attack = F.col("said") != NORMAL  # null, as `said` is, of a dead letter
    return rows.select(
        "partition",
        "offset",
        F.unix_millis("timestamp").alias("produced"),
        F.col("reason").isNotNull().alias("dead"),
        F.when(attack, F.col("key")).alias("key"),
        F.when(attack, F.to_json(said, {"ignoreNullFields": "false"})).alias("alert"),
        "sample",
    )
