"""The model: from a connection's features to its class. Training, judging and scoring all use this one pipeline."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from typing import Any

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.feature import StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets.nslkdd import CLASSES, FEATURES, SYMBOLIC

BINS = 128
"""Steps of a number at which a tree may split; more than there are services, each of which is one."""


@dataclass(frozen=True)
class Options:
    """What a forest is grown with.

    Args:
        trees: How many.
        depth: The longest way from a root to a leaf.
        leaf: The fewest records of a leaf.
        share: The share of the features that each split looks at.
        balance: How much more a rare class weighs: 0 is each record the same, 1 is each class the same.
    """

    trees: int = 60
    depth: int = 20
    leaf: int = 1
    share: float = 0.3
    balance: float = 1.0


def fit(rows: DataFrame, options: Options, seed: int) -> PipelineModel:
    """Grow a forest.

    Args:
        rows: Features and `class`.
        options: How.
        seed: The same seed and rows are the same forest.
    """
    indexed = [f"{each}_index" for each in SYMBOLIC]
    stages: list[Any] = [
        StringIndexer(inputCols=[*SYMBOLIC], outputCols=indexed, handleInvalid="keep"),
        VectorAssembler(inputCols=[*(each for each in FEATURES if each not in SYMBOLIC), *indexed], outputCol="vector"),
        RandomForestClassifier(
            featuresCol="vector",
            labelCol="class_index",
            weightCol="weight",
            numTrees=options.trees,
            maxDepth=options.depth,
            minInstancesPerNode=options.leaf,
            featureSubsetStrategy=str(options.share),
            maxBins=BINS,
            maxMemoryInMB=512,
            seed=seed,
        ),
    ]
    counts = {row["class"]: row["count"] for row in rows.groupBy("class").count().collect()}
    total = sum(counts.values())
    weights = F.lit(0.0)
    for name, count in counts.items():
        weights = F.when(F.col("class") == name, (total / len(counts) / count) ** options.balance).otherwise(weights)
    return Pipeline(stages=stages).fit(rows.select("*", _index().alias("class_index"), weights.alias("weight")))


def said(model: PipelineModel, rows: DataFrame) -> DataFrame:
    """The rows with `said`, the class that the model takes them for, and `probability`, how sure it is of that class."""
    at = F.col("prediction").cast("int")
    said = F.get(F.array(*map(F.lit, CLASSES)), at).alias("said")
    return model.transform(rows).select(
        *rows.columns, said, F.get(vector_to_array("probability"), at).alias("probability")
    )


def _index() -> Column:
    return F.array_position(F.array(*map(F.lit, CLASSES)), F.col("class")).cast("double") - 1
