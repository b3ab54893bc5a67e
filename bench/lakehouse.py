"""The lakehouse's speed: 1,000,000 events from a topic to bronze, silver, gold and their proof.

Bronze, with windows, offsets, headers and ledger, is held against Spark alone writing the same topic to plain Parquet,
against a raw confluent-kafka consumer that drops what it reads, and against that consumer with pyarrow, and with
deltalake where that is installed, as the writer. Rows are compared before times count: all have the same fingerprint.
The goals: bronze at two thirds of Spark alone or better, the warm chain in 60 s.

`python -m bench.lakehouse 50000` tries it with fewer events, also on a busy machine.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from bench import line
from jobs import entries, kafka, log, settings
from jobs.lake import fingerprint

EVENTS, PARTITIONS, PAIRS, GOAL, SHARE = 1_000_000, 6, 3, 60.0, 2 / 3
HEADRACE = [str(Path(sys.executable).parent / "headrace")]
COLUMNS = ("key", "value", "topic", "partition", "offset")
ALONE = """
import json, os, sys
from pyspark.sql import SparkSession
topic, where, servers = sys.argv[1:]
spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()
(spark.read.format("kafka").option("kafka.bootstrap.servers", servers).option("subscribe", topic).load()
 .drop("timestampType").write.parquet(where))
"""


def run(words: list[str], lake: str) -> float:
    """Run a command to its end; its wall time in seconds."""
    begun = time.monotonic()
    done = subprocess.run(
        words, env={**os.environ, "LAKE_URI": lake}, capture_output=True, text=True, check=False, timeout=1800
    )
    if done.returncode:
        sys.exit(f"{' '.join(words[:4])}: {done.stderr}")
    return time.monotonic() - begun


def fill(count: int) -> str:
    """Make a topic with the events of vehicles, and return its name."""
    name = f"lakehouse-{uuid4().hex[:8]}"
    client = AdminClient({"bootstrap.servers": servers()})
    topics = [NewTopic(name, PARTITIONS, 1), NewTopic(f"{name}.dlq", 1, 1)]
    for made in client.create_topics(topics).values():
        made.result()
    run([*HEADRACE, "replay", "send", "vehicles", f"--count={count}", f"--topic={name}", "--rate=0"], "")
    return name


def servers() -> str:
    """Where Kafka is."""
    return settings.load(settings.Kafka).bootstrap_servers


def batches(topic: str) -> Iterator[list[tuple[bytes | None, bytes | None, int, int]]]:
    """All records of a topic as a raw consumer gets them: key, value, partition, offset."""
    ends = {each: end for each, (_, end) in kafka.watermarks(topic).items()}
    consumer = Consumer({
        "bootstrap.servers": servers(), "group.id": "bench", "enable.auto.commit": False, "fetch.queue.backoff.ms": 5,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, each, 0) for each in ends])
    left = sum(ends.values())
    try:
        while left > 0:
            got = consumer.consume(10_000, 0.2)
            left -= len(got)
            yield [(each.key(), each.value(), each.partition() or 0, each.offset() or 0) for each in got]
    finally:
        consumer.close()


def drop(topic: str) -> float:
    """Read a topic and drop it; seconds."""
    begun = time.monotonic()
    for _ in batches(topic):
        pass
    return time.monotonic() - begun


def tables(topic: str) -> Iterator[pa.Table]:
    """The records of a topic as Arrow tables of some 100,000 rows."""
    held: list[tuple[bytes | None, bytes | None, int, int]] = []
    for batch in batches(topic):
        held += batch
        if len(held) >= 100_000:
            yield _table(topic, held)
            held = []
    if held:
        yield _table(topic, held)


def _table(topic: str, rows: list[tuple[bytes | None, bytes | None, int, int]]) -> pa.Table:
    key, value, partition, offset = zip(*rows, strict=True)
    columns = [
        pa.array(key, pa.binary()), pa.array(value, pa.binary()), pa.array([topic] * len(rows)),
        pa.array(partition, pa.int32()), pa.array(offset, pa.int64()),
    ]  # fmt: skip
    return pa.table(columns, names=[*COLUMNS])


def by_pyarrow(topic: str, where: str) -> float:
    """A raw consumer with pyarrow as the writer: plain Parquet, no ledger; seconds."""
    Path(where).mkdir(parents=True)
    begun = time.monotonic()
    for number, table in enumerate(tables(topic)):
        pq.write_table(table, f"{where}/{number}.parquet", compression="zstd")
    return time.monotonic() - begun


def by_deltalake(topic: str, where: str) -> float:
    """A raw consumer with delta-rs as the writer: a Delta table, one commit a batch; seconds."""
    from deltalake import write_deltalake  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  # only if installed

    begun = time.monotonic()
    for table in tables(topic):
        write_deltalake(where, table, mode="append")
    return time.monotonic() - begun


def seen(rows: DataFrame) -> tuple[int, str]:
    """How many rows, and the fingerprint of what all writers wrote."""
    count, hashed = rows.agg(F.count("*"), fingerprint(COLUMNS)).collect()[0]
    return count, entries.checksum([hashed])


def main() -> None:
    """Measure PAIRS pairs after one that warms up."""
    log.configure()
    settings.load_dotenv_file()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    if count == EVENTS:
        line.refuse_if_busy()
    topic = fill(count)
    spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(PAIRS + 1):
            took = measure(topic, f"{folder}/{pair}", spark, count, pair)
            for name, seconds in took.items() if pair else ():
                times.setdefault(name, []).append(seconds)
    for name, all_ in times.items():
        sys.stdout.write(
            f"{name:<12} {median(all_):7.2f} s  best {min(all_):7.2f} s  {count / median(all_):>10,.0f}/s\n"
        )
    share = median(times["alone"]) / median(times["bronze"])
    said = f", goal {SHARE:.2f} {'met' if share >= SHARE else 'MISSED'}" if count == EVENTS else ""
    sys.stdout.write(f"bronze is at {share:7.2f} of Spark alone{said}\n")
    chain = sum(median(times[name]) for name in ("bronze", "silver", "gold", "verify"))
    said = f", goal {GOAL:.0f} s {'met' if chain <= GOAL else 'MISSED'}" if count == EVENTS else ""
    sys.stdout.write(f"the chain    {chain:7.2f} s{said}\n")
    if "deltalake" not in times:
        sys.stdout.write("deltalake is not installed: that peer was left out\n")
    raw = count / median(times["raw"])
    for peer in ("alone", "pyarrow", "deltalake"):
        if peer in times:
            ours = count / median(times["bronze"])
            line.write(f"bronze-load/{peer}", ours, count / median(times[peer]), "events/s", limit=round(raw))


def measure(topic: str, lake: str, spark: SparkSession, count: int, turn: int) -> dict[str, float]:
    """One turn of everybody, bronze and Spark alone first by turns; ends unless all wrote the same rows."""
    mine = [f"--topic={topic}"]
    dataset = [*mine, "--dataset=vehicles"]
    first = {
        "bronze": [*HEADRACE, "bronze", "load", *mine],
        "alone": [sys.executable, "-c", ALONE, topic, f"{lake}/alone", servers()],
    }
    took = {name: run(first[name], lake) for name in sorted(first, reverse=turn % 2 == 0)}
    took |= {
        "silver": run([*HEADRACE, "silver", "clean", *dataset], lake),
        "gold": run([*HEADRACE, "gold", "build", *dataset], lake),
        "verify": run([*HEADRACE, "ledger", "verify", *dataset], lake),
        "raw": drop(topic),
        "pyarrow": by_pyarrow(topic, f"{lake}/pyarrow"),
    }
    wrote = {
        "bronze": spark.read.format("delta").load(f"{lake}/bronze/{topic}"),
        "alone": spark.read.parquet(f"{lake}/alone"),
        "pyarrow": spark.read.parquet(f"{lake}/pyarrow"),
    }
    if find_spec("deltalake"):
        took["deltalake"] = by_deltalake(topic, f"{lake}/deltalake")
        wrote["deltalake"] = spark.read.format("delta").load(f"{lake}/deltalake")
    found = {name: seen(rows) for name, rows in wrote.items()}
    if len({*found.values()}) != 1 or found["bronze"][0] != count:
        sys.exit(f"not everybody wrote the same {count} rows: {json.dumps(found)}")
    return took


if __name__ == "__main__":
    main()
