"""How a run ended is judged as Argo judges it; tests/cluster/test_conformance.py holds this against Argo itself."""

import pytest

from flows.dag import Step
from flows.local import phase


def steps(**depends: str) -> list[Step]:
    return [Step(name, template=None, depends=each) for name, each in depends.items()]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("depends", "status", "expected"),
    [
        ({"a": "", "b": "a"}, "Succeeded Succeeded", "Succeeded"),
        ({"a": "", "b": "a"}, "Failed Omitted", "Failed"),
        ({"a": "", "b": "a", "c": "b"}, "Failed Omitted Omitted", "Failed"),
        ({"a": "", "b": "a.Failed"}, "Failed Succeeded", "Succeeded"),
        ({"a": "", "b": "a.Failed"}, "Succeeded Omitted", "Succeeded"),
        ({"a": "", "b": ""}, "Succeeded Failed", "Failed"),
        ({"a": "", "b": "a"}, "Succeeded Skipped", "Succeeded"),
    ],
)
def test_a_run_ends_as_its_last_steps_did(depends: dict[str, str], status: str, expected: str) -> None:
    assert phase(steps(**depends), dict(zip(depends, status.split(), strict=True))) == expected
