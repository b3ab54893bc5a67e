"""The pipeline `intrusions`: trained, sent, scored and judged; run again, nothing is done twice."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.services.copies import Copy
from tests.services.test_vehicles import Topic

COUNT = 2000


def results(words: list[str], stack: Copy, lake: Path) -> dict[str, dict[str, Any]]:
    """What each step of a run said."""
    done = stack.headrace(*words, LAKE_URI=str(lake))
    assert done.returncode == 0, done.stderr
    return {step["name"]: step["result"] for step in json.loads(done.stdout)["steps"]}


def test_attacks_are_told_and_a_second_run_does_nothing_twice(stack: Copy, tmp_path: Path) -> None:
    topic, alerts = Topic(stack), Topic(stack)
    shape = {"topic": topic.name, "alerts": alerts.name, "count": COUNT, "rate": 0, "generated": 2000, "idle": 3}
    words = ["run", "intrusions", "--output=json", *(f"--param={name}={value}" for name, value in shape.items())]

    first, second = (results(words, stack, tmp_path / "lake") for _ in range(2))

    assert first["forest-train"]["trained"]
    assert [first["replay-send"]["acked"], first["forest-score"]["scored"]] == [COUNT, COUNT]
    ids = Counter(json.loads(each.value() or b"")["id"] for each in alerts.records())
    assert set(ids.values()) == {1}
    assert len(ids) == first["forest-score"]["alerts"]
    judged = first["forest-evaluate"]
    assert judged["lines"] == COUNT
    attacks = sum(row[said] for row in judged["confusion"].values() for said in row if said != "normal")
    assert attacks + sum(1 for each in alerts.records() if not json.loads(each.value() or b"")["class"]) == len(ids)
    again = second["forest-train"], second["replay-send"], second["forest-score"]
    assert [again[0]["trained"], again[1]["produced"], again[2]["scored"], again[2]["alerts"]] == [False, 0, 0, 0]
    assert second["forest-evaluate"] == judged
