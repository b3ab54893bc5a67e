"""Forests trained, kept, judged and killed, as a person does it. The models are in a lake of these tests alone."""

import csv
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F  # noqa: N812

from jobs.datasets import events
from jobs.datasets.nslkdd import CLASS_OF, CLASSES, FEATURES
from jobs.errors import JobError
from jobs.forest import connections, folds
from jobs.forest.connections import Lines
from tests.services.copies import ROOT, Copy, eventually

SMALL = ("forest", "train", "--generated=2000", "--trees=3", "--depth=5", "--leaf=1")


class Forests:
    """A lake with models, and the command line on it."""

    def __init__(self, stack: Copy, lake: Path) -> None:
        self.stack, self.lake = stack, lake

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.stack.headrace(*words, LAKE_URI=str(self.lake))

    def do(self, *words: str) -> dict[str, Any]:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HEADRACE_STATE": str(self.stack.state), "LAKE_URI": str(self.lake)}
        command = [".venv/bin/headrace", *words]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def folders(self) -> int:
        """How many models have files, whole or not."""
        return len([*self.lake.glob("models/connections-files/*")])


@pytest.fixture(scope="module")
def forests(stack: Copy, tmp_path_factory: pytest.TempPathFactory) -> Forests:
    return Forests(stack, tmp_path_factory.mktemp("forests") / "lake")


@pytest.fixture(scope="module")
def trained(forests: Forests) -> list[dict[str, Any]]:
    """Two trainings at once, of the same seed, in the order of their versions."""
    assert forests.do("forest", "status") == {
        **dict.fromkeys(("version", "days", "macro_f1", "accuracy", "binary_accuracy"), 0),
        "stale": True,
    }
    both = [forests.begin(*SMALL) for _ in range(2)]
    said = [each.communicate(timeout=500) for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    return sorted((json.loads(out) for out, _ in said), key=lambda each: each["version"])


def test_two_trainings_at_once_are_two_versions_and_the_same_seed_is_the_same_forest(
    trained: list[dict[str, Any]],
) -> None:
    assert [each["version"] for each in trained] == [1, 2]
    figures = [[each[name] for name in ("macro_f1", "accuracy", "binary_accuracy", "records")] for each in trained]
    assert figures[0] == figures[1]
    assert figures[0][1] > 0.6
    assert all(each["trained"] and each["bad"] == 0 for each in trained)


def test_status_says_which_is_newest_and_whether_it_is_stale(forests: Forests, trained: list[dict[str, Any]]) -> None:
    young, old = (forests.do("forest", "status", f"--max-age={age}") for age in ("1h", "0.1s"))

    assert (young["version"], young["stale"]) == (2, False)
    assert (old["version"], old["stale"]) == (2, True)
    assert young["macro_f1"] == trained[1]["macro_f1"]


def test_a_card_is_a_page_or_figures(forests: Forests, trained: list[dict[str, Any]], tmp_path: Path) -> None:
    page, figures = tmp_path / "card.html", tmp_path / "card.json"
    forests.do("forest", "card", f"--file={page}")
    forests.do("forest", "card", "--version=1", f"--file={figures}")

    assert page.read_text().count("<svg") == 2
    card = json.loads(figures.read_text())
    assert card["version"] == 1
    assert card["held_back"]["macro_f1"] == trained[0]["macro_f1"]
    assert sum(sum(said.values()) for said in card["attacks"].values()) == card["held_back"]["records"]
    assert card["reference"].keys() == FEATURES.keys()
    missing = forests.run("forest", "card", "--version=9", f"--file={page}")
    assert missing.returncode == 1
    assert "versions 1 to 2" in missing.stderr


@pytest.mark.usefixtures("trained")
def test_a_file_is_judged_with_attacks_that_no_forest_has_seen(forests: Forests, tmp_path: Path) -> None:
    made = [value.decode().split(",") for _, value in events.named("connections").events(5, range(40))]
    lines = [",".join(each) for each in made]
    features = ",".join(made[0][:-1])
    lines += [f"{features},mscan,21", f"{features}", "no connection", f"{features},a label of nobody"]
    data, labels = tmp_path / "test.txt", tmp_path / "labels.csv"
    data.write_text("\n".join(lines) + "\n")

    judged = forests.do("forest", "evaluate", f"--data={data}", f"--labels={labels}", "--version=1")

    assert (judged["lines"], judged["records"], judged["unlabelled"]) == (44, 41, 1)
    assert judged["bad"] == {"not 41 to 43 fields": 1, "a label that NSL-KDD has not": 1}
    assert judged["models"] == [1]
    assert sum(judged["labels"]["mscan"].values()) == 1
    assert judged["latency_ms"] == {}
    rows = [*csv.DictReader(labels.read_text().splitlines())]
    assert [int(each["line"]) for each in rows] == [*range(1, 45)]
    assert [bool(each["said"]) for each in rows] == [True] * 42 + [False] * 2
    assert rows[42]["reason"] == "not 41 to 43 fields"
    known = [each for each in rows if each["class"] and each["said"]]
    assert len(known) == 41
    assert sum(each["class"] == each["said"] for each in known) / 41 == pytest.approx(judged["accuracy"])
    assert {each["said"] for each in known} <= {*CLASSES}


def test_what_was_scored_from_a_topic_is_judged_with_how_late_it_was(forests: Forests) -> None:
    with forests.stack.spark() as spark:
        rows = [("neptune", "dos", "dos"), ("mscan", "probe", "normal"), ("normal", "normal", "normal")]
        spark.createDataFrame([*rows, (None, None, "dos")], "label string, class string, said string").withColumns(
            {
                "probability": F.lit(0.75),
                "model": F.lit(2).cast("bigint"),
                "timestamp": F.timestamp_seconds(F.lit(1_700_000_000)),
                "scored": F.timestamp_seconds(F.lit(1_700_000_000.25)),
            }
        ).write.format("delta").save(f"{forests.lake}/scored/some")

    judged = forests.do("forest", "evaluate", "--topic=some")

    assert (judged["lines"], judged["records"], judged["unlabelled"]) == (4, 3, 1)
    assert judged["accuracy"] == pytest.approx(2 / 3)
    assert judged["models"] == [2]
    assert judged["latency_ms"]["p50"] == judged["latency_ms"]["p99"] == 250
    assert forests.run("forest", "evaluate", "--topic=other").returncode == 1


def test_equal_connections_are_never_on_both_sides_and_contradictory_ones_on_none(stack: Copy) -> None:
    made = [value.rsplit(b",", 1) for _, value in events.named("connections").events(3, range(300))]
    lines = [b",".join(each) for each in made]
    doubtful = made[0][0]
    other = b"normal" if CLASS_OF[made[0][1].decode()] != "normal" else b"neptune"
    doubled = [*lines, *(b"%s,9" % each for each in lines), b"%s,%s" % (doubtful, other)]
    with stack.spark() as spark:
        read = connections.read(spark, Lines("doubled", "", doubled))
        rows = folds.distinct(read.rows).withColumn("train", folds.training())
        sides = rows.groupBy(*FEATURES).agg(F.count("*"), F.count_distinct("train")).toArrow().to_pylist()
        shares = rows.agg(F.avg(F.col("train").cast("int"))).collect()[0][0]

        assert read.rows.count() == len(doubled)
        assert all((each["count(1)"], each["count(DISTINCT train)"]) == (1, 1) for each in sides)
        assert len(sides) == len({features for features, _ in made}) - 1
        assert 0.65 < shares < 0.95
        with pytest.raises(JobError, match=r"none of 2 lines .* line 1: not 41 to 43 fields"):
            connections.read(spark, Lines("bad", "", [b"a,b", b""]))


def test_a_training_that_is_killed_leaves_no_model_and_a_young_one_is_kept(
    forests: Forests, trained: list[dict[str, Any]]
) -> None:
    before = forests.folders()
    begun = forests.begin(*SMALL)
    eventually(lambda: forests.folders() > before, seconds=300)  # it writes the model's files
    os.killpg(begun.pid, signal.SIGKILL)
    begun.communicate(timeout=60)

    assert forests.do("forest", "status")["version"] == 2
    kept = forests.do(*SMALL, "--max-age=7d")
    assert (kept["version"], kept["trained"]) == (2, False)
    assert kept["macro_f1"] == trained[1]["macro_f1"]


def test_what_cannot_be_trained_with_is_said_at_once(forests: Forests, tmp_path: Path) -> None:
    for words in (
        (),
        ("--generated=5", "--data=x"),
        ("--generated=-1",),
        (f"--data={tmp_path}/none",),
        ("--generated=5", "--depth=31"),
        ("--generated=5", "--max-age=week"),
    ):
        refused = forests.run("forest", "train", *words)
        assert refused.returncode == 2, words
        assert "next: " in refused.stderr or "write it as" in refused.stderr
