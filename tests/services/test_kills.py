"""Exactly once, proven: drivers killed with SIGKILL at four named points. PROOF=5 kills five times at each."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from confluent_kafka import Consumer, TopicPartition
from pyspark.sql import functions as F  # noqa: N812

from stack import jars
from tests.services.copies import ROOT, Copy, eventually
from tests.services.test_lake import Topic, good

ROUNDS = int(os.environ.get("PROOF", "1"))
RECORDS, BAD = 3_000, 60  # a round
WITHIN = 600  # seconds


class Driver:
    """A step that is killed with all it started; its Spark is the stack's (Connect), or a process of its own.

    Args:
        topic: What it works on.
        step: Which step.
        own: Whether it is its own driver, so that Spark dies with it.
    """

    def __init__(self, topic: Topic, step: str, *, own: bool) -> None:
        environment = {**os.environ, "HEADRACE_STATE": str(topic.stack.state)}
        if own:
            environment |= {"SPARK_REMOTE": "", "SPARK_MASTER": "local[2]", "SPARK_JARS": str(jars.home() / "spark")}
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [ROOT / ".venv/bin/headrace", *topic.words(step)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.reader = Thread(target=lambda: self.said.extend(self.process.stderr or []), daemon=True)
        self.reader.start()

    def kill_when(self, reached: Callable[[], bool]) -> bool:
        """SIGKILL as soon as the point is reached; whether that was before the step had ended."""
        until = time.monotonic() + WITHIN
        while not reached():
            assert time.monotonic() < until, "".join(self.said)
            if self.process.poll() is not None:
                break
            time.sleep(0.002)
        alive = self.process.poll() is None
        if alive:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.reader.join()
        printed = self.process.communicate()[0]
        return alive and not printed


def commits(table: Path) -> int:
    return len([*table.glob("_delta_log/*.json")])


def files(table: Path) -> int:
    return len([*table.glob("*.parquet")])


def held(topic: Topic, name: str) -> int:
    consumer = Consumer({**topic.config, "group.id": "proof"})
    try:
        return sum(consumer.get_watermark_offsets(TopicPartition(name, each), 10)[1] for each in range(3))
    finally:
        consumer.close()


def at_windows(driver: Driver, _: Path, __: int, ___: int, ____: Topic) -> bool:
    return any(" offsets" in line and "entry" in line for line in driver.said)


def at_files(_: Driver, table: Path, written: int, __: int, ___: Topic) -> bool:
    return files(table) > written


def at_commit(_: Driver, table: Path, __: int, done: int, ___: Topic) -> bool:
    return commits(table) > done


def at_letters(driver: Driver, _: Path, __: int, ___: int, topic: Topic) -> bool:
    return any("records go to" in line for line in driver.said) and held(topic, f"{topic.name}.dlq") > 0


POINTS = {
    "the windows are resolved": ("bronze", at_windows),
    "files are written, not committed": ("bronze", at_files),
    "committed, the result not printed": ("bronze", at_commit),
    "dead letters are being written": ("silver", at_letters),
}


@pytest.mark.timeout(300 + 900 * ROUNDS)
@pytest.mark.parametrize("point", POINTS)
def test_each_record_is_there_once_whenever_the_driver_is_killed(stack: Copy, point: str) -> None:
    step, reached = POINTS[point]
    topic = Topic(stack)
    lake = Path(stack.env["LAKE_URI"])
    killed, said = 0, list[str]()
    for number in range(ROUNDS):
        first = number * RECORDS
        topic.produce(*map(good, range(first, first + RECORDS)), *(b"bad %d" % each for each in range(BAD)))
        if step == "silver":
            topic.do("bronze")
        table = lake / step / topic.name
        written, done = files(table), commits(table)
        driver = Driver(topic, step, own=(number + [*POINTS].index(point)) % 2 == 1)
        killed += driver.kill_when(lambda d=driver, t=table, w=written, c=done: reached(d, t, w, c, topic))
        said += driver.said
        for words in map(topic.words, ("bronze", "silver")):
            # What the killed one left on Spark's server may win the entry; a scheduler tries again, too.
            eventually(lambda words=words: stack.headrace(*words).returncode == 0, seconds=120)

    with stack.spark() as spark:
        rows = spark.read.format("delta").load(f"{lake}/bronze/{topic.name}")
        found = rows.agg(F.count("*"), F.count_distinct("topic", "partition", "offset")).collect()[0]
    topic.do("gold")
    verified = topic.stack.headrace("ledger", "verify", f"--topic={topic.name}")

    expected = ROUNDS * (RECORDS + BAD)
    assert killed == ROUNDS, f"only {killed} of {ROUNDS} were killed at the point: {said}"
    assert (*found, held(topic, topic.name)) == (expected, expected, expected)
    assert verified.returncode == 0, verified.stderr
