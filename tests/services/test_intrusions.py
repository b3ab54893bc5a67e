"""The pipeline `intrusions`: trained, sent, scored and judged; run again, nothing is done twice."""

import json
from typing import Any

from tests.services.copies import Copy
from tests.services.test_vehicles import Topic

COUNT = 3000


def result(run: dict[str, Any], step: str) -> dict[str, Any]:
    return json.loads(next(each["result"] for each in run["steps"] if each["name"] == step))


def test_attacks_are_found_and_a_second_run_does_nothing_twice(stack: Copy) -> None:
    topic, alerts = Topic(stack), Topic(stack)
    shape = {"topic": topic.name, "alerts": alerts.name, "count": COUNT, "rate": 0, "generated": 3000, "idle": 5}
    words = ["run", "intrusions", "--output=json", *(f"--param={name}={value}" for name, value in shape.items())]

    first, second = (stack.headrace(*words) for _ in range(2))

    assert first.returncode == 0, first.stderr
    assert second.returncode == 0, second.stderr
    begun, again = json.loads(first.stdout), json.loads(second.stdout)
    assert result(begun, "forest-score")["scored"] == COUNT
    assert alerts.held() > 0
