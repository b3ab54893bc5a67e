"""The model: from a connection's features to its class. Training, judging and scoring all use this one pipeline."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.feature import StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets.nslkdd import CLASS_OF, CLASSES, FEATURES, SYMBOLIC

BINS = 128
"""Steps of a number at which a tree may split; more than there are services, each of which is one."""

FAVOUR = {"dos": 8.0, "probe": 6.0, "r2l": 8.0, "u2r": 4.0}
"""Like the other defaults: what was best when attacks of NSL-KDD were hidden from training (docs/intrusions.md)."""


@dataclass(frozen=True)
class Options:
    """What a forest is grown with.

    Args:
        trees: How many.
        depth: The longest way from a root to a leaf.
        leaf: The fewest records of a leaf.
        share: The share of the features that each split looks at.
        balance: How much more a rare class weighs: 0 is each record the same, 1 is each class the same.
        spread: The same for the attacks of one class: 1 is each attack the same.
        favour: By class, how many times likelier than it seems it is taken to be.
    """

    trees: int = 30
    depth: int = 14
    leaf: int = 3
    share: float = 0.2
    balance: float = 1.0
    spread: float = 1.0
    favour: dict[str, float] = field(default_factory=lambda: dict(FAVOUR))


def weights(counts: Mapping[str, int], options: Options) -> dict[str, float]:
    """What a record of each label weighs; a record weighs 1 in the mean.

    Args:
        counts: How many records train, by label.
        options: How much rare ones are to weigh.
    """
    classes: dict[str, dict[str, int]] = {}
    for label, count in counts.items():
        classes.setdefault(CLASS_OF[label], {})[label] = count
    total = sum(counts.values())
    sizes = {name: sum(labels.values()) for name, labels in classes.items()}
    masses = _shares(sizes, options.balance)
    found: dict[str, float] = {}
    for name, labels in classes.items():
        inside = _shares(labels, options.spread)
        found |= {label: total * masses[name] * inside[label] / count for label, count in labels.items()}
    return found


def fit(rows: DataFrame, options: Options, seed: int) -> PipelineModel:
    """Grow a forest.

    Args:
        rows: Features, `label` and `class`.
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
        ).setThresholds([1 / options.favour.get(each, 1) for each in CLASSES]),
    ]
    counts = {row["label"]: row["count"] for row in rows.groupBy("label").count().collect()}
    known = F.create_map(*(F.lit(each) for pair in weights(counts, options).items() for each in pair))
    weight = F.try_element_at(known, F.col("label")).alias("weight")
    return Pipeline(stages=stages).fit(rows.select(*FEATURES, index().alias("class_index"), weight))


def said(model: PipelineModel, rows: DataFrame) -> DataFrame:
    """The rows with `said`, the class that the model takes them for, and its `probability`."""
    at = F.col("prediction").cast("int")
    name = F.get(F.array(*map(F.lit, CLASSES)), at).alias("said")
    sure = F.get(vector_to_array(F.col("probability")), at).alias("probability")
    return model.transform(rows).select(*rows.columns, name, sure)


def index() -> Column:
    """A class as the forest knows it: its place among the five."""
    return F.array_position(F.array(*map(F.lit, CLASSES)), F.col("class")).cast("double") - 1


def _shares(counts: Mapping[str, int], evenly: float) -> dict[str, float]:
    """The share of each: from that of its count (0) to the same for all (1)."""
    parts = {name: count ** (1 - evenly) for name, count in counts.items()}
    return {name: part / sum(parts.values()) for name, part in parts.items()}
