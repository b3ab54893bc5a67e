"""Readers of a table while it is written: they see whole runs, never a part of one."""

from threading import Event, Thread

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from tests.services.copies import Copy
from tests.services.test_lake import Topic, good

RECORDS = 1_000
COUNTS = {"bronze": "count(*)", "silver": "count(*)", "gold": "sum(events)"}


class Reader(Thread):
    """Reads a table over and over until told to end.

    Args:
        spark: The session that reads.
        table: The table, as SQL calls it.
        count: What it asks.
    """

    def __init__(self, spark: SparkSession, table: str, count: str) -> None:
        super().__init__(daemon=True)
        self.spark = spark
        self.question = f"SELECT {count} FROM {table}"  # noqa: S608
        self.seen: list[int] = []
        self.done = Event()

    def run(self) -> None:
        while not self.done.wait(0.2):
            try:
                answer = self.spark.sql(self.question).collect()[0][0]
            except PySparkException as error:
                if "DELTA" not in str(error.getCondition()) and "PATH_NOT_FOUND" not in str(error.getCondition()):
                    raise
                continue  # there is no table yet
            self.seen.append(answer)


def test_who_reads_while_others_write_sees_whole_runs_only(stack: Copy) -> None:
    topic, lake = Topic(stack), stack.env["LAKE_URI"]
    with stack.spark() as spark:
        readers = [Reader(spark, f"delta.`{lake}/{layer}/{topic.name}`", count) for layer, count in COUNTS.items()]
        ends: list[int] = []
        for reader in readers:
            reader.start()
        for first in (0, RECORDS, 2 * RECORDS):
            topic.produce(*map(good, range(first, first + RECORDS)))
            for layer in COUNTS:
                topic.do(layer)
            ends.append(first + RECORDS)
        topic.job("tables", "compact")
        redone = stack.headrace(
            *topic.words("silver"), "--redo=0:0-100000,1:0-100000,2:0-100000", "--why=test", "--once=a"
        )
        for reader in readers:
            reader.done.set()
            reader.join()

    assert redone.returncode == 0, redone.stderr
    for reader in readers:
        assert reader.seen == sorted(reader.seen), reader.question
        assert {*reader.seen} <= {*ends}, (reader.question, {*reader.seen})
        assert (len(reader.seen) > 9, reader.seen[-1]) == (True, ends[-1]), reader.question
