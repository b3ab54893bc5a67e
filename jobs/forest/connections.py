"""Connections whose class is known: from a file in NSL-KDD's format, or made by the generator."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

import gzip
import logging
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets import connections, events
from jobs.datasets.nslkdd import FEATURES
from jobs.errors import JobError, UsageError

log = logging.getLogger(__name__)
GZIP = b"\x1f\x8b"
SHOWN = 5  # of the lines that are no connections
SEED = 1  # of the generated ones
UNLABELLED = "no label"


@dataclass(frozen=True)
class Lines:
    """The lines of one source.

    Args:
        source: What people call it.
        digest: The SHA-256 of its text, unpacked.
        lines: Each as it came.
    """

    source: str
    digest: str
    lines: list[bytes]


@dataclass(frozen=True)
class Read:
    """Lines as connections.

    Args:
        rows: `line` (from 1 on), features, `label` and `class`, which some may lack; Spark keeps them, so that nothing
            is parsed twice.
        wrong: `line` and `reason` of the lines that are no connections.
        bad: How many these are, by reason.
        unlabelled: How many connections have no label.
    """

    rows: DataFrame
    wrong: DataFrame
    bad: dict[str, int]
    unlabelled: int


def file(path: Path) -> Lines:
    """The lines of a file, which gzip may have packed.

    Raises:
        UsageError: It can't be read, or there is nothing in it.
    """
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if data.startswith(GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(
            f"{path}: {getattr(error, 'strerror', None) or error}", hint="--data=PATH, in the format of NSL-KDD"
        ) from error
    if not text.strip():
        raise UsageError(f"{path} is empty", hint="--data=PATH, in the format of NSL-KDD")
    return Lines(str(path), sha256(text).hexdigest(), text.splitlines())


def generated(count: int) -> Lines:
    """So many connections of the generator; the same each time."""
    lines = [value for _, value in events.named("connections").events(SEED, range(count))]
    return Lines(f"{count} generated connections", sha256(b"\n".join(lines)).hexdigest(), lines)


def read(spark: SparkSession, lines: Lines) -> Read:
    """Parse lines as silver does; those that are no connections are counted, and the first of each kind is said.

    Raises:
        JobError: No line is a connection whose class is known.
    """
    raw = spark.createDataFrame(
        pa.table({"value": pa.array(lines.lines, pa.binary()), "offset": range(1, len(lines.lines) + 1)})
    ).select(
        "value",
        "offset",
        F.lit(0).alias("partition"),
        F.lit("").alias("topic"),
        F.timestamp_seconds(F.lit(0)).alias("timestamp"),
        F.lit(None).cast("binary").alias("key"),
        F.lit(None).cast("array<struct<key: string, value: binary>>").alias("headers"),
    )
    parsed = connections.parse(raw).select(F.col("offset").alias("line"), *FEATURES, "label", "class", "reason")
    kept = parsed.localCheckpoint()  # what follows neither parses nor plans it again
    why = F.coalesce("reason", F.when(F.col("class").isNull(), UNLABELLED)).alias("why")
    counted = kept.groupBy(why).agg(F.count("*"), F.min("line")).collect()
    wrong = sorted((first, each, count) for each, count, first in counted if each is not None)
    for first, each, count in wrong[:SHOWN]:
        log.warning("%s: %d of %d lines: %s; the first is line %d", lines.source, count, len(lines.lines), each, first)
    if len(wrong) == len(counted):
        first, each, _ = wrong[0]
        raise JobError(
            f"{lines.source}: none of {len(lines.lines)} lines is a connection whose class is known;"
            f" line {first}: {each}",
            hint="41 features and a label, with commas between: docs/intrusions.md",
        )
    bad = {each: count for _, each, count in wrong}
    unlabelled = bad.pop(UNLABELLED, 0)
    fine = F.col("reason").isNull()
    return Read(kept.where(fine).drop("reason"), kept.where(~fine).select("line", "reason"), bad, unlabelled)
