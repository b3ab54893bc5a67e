"""How far connections are from those of the training: pure."""

from typing import Any

import pytest

from jobs.datasets.nslkdd import FEATURES, SYMBOLIC
from jobs.forest.drift import REFERENCE, Watch, psi, reference, verdict


def rows(count: int, **other: Any) -> list[dict[str, Any]]:
    names = {"protocol_type": ["tcp", "udp"], "service": ["http", "smtp", "ftp"], "flag": ["SF"]}
    return [
        {name: names[name][n % len(names[name])] if name in SYMBOLIC else n % 50 for name in FEATURES} | other
        for n in range(count)
    ]


def columns(held: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [each[name] for each in held] for name in FEATURES}


def test_the_index_of_two_distributions() -> None:
    assert psi([0.5, 0.5], [0.5, 0.5]) == 0
    assert psi([0.5, 0.5], [0.7, 0.3]) == pytest.approx(0.2 * 0.8473, abs=1e-4)  # (0.7-0.5)(ln 1.4) + (0.3-0.5)(ln 0.6)
    assert psi([0.5, 0.5], [1, 0]) > 4
    assert [verdict(each) for each in (0.09, 0.1, 0.25, 0.26)] == ["none", "moderate", "moderate", "strong"]


def test_what_is_as_in_training_has_not_drifted_and_what_is_not_comes_first() -> None:
    known = REFERENCE.validate_json(REFERENCE.dump_json(reference(rows(1_000))))
    same, other = Watch(known), Watch(known)
    same.add(columns(rows(500)))
    same.add(columns(rows(300)))
    other.add(columns(rows(500, src_bytes=10**6, service="telnet")))

    assert {each.verdict for each in same.drifts()} == {"none"}
    assert {each.feature for each in other.drifts() if each.verdict == "strong"} == {"src_bytes", "service"}
    assert {each.feature for each in other.drifts()[:2]} == {"src_bytes", "service"}
    assert Watch(known).drifts() == []
    assert Watch({}).drifts() == []
    assert reference([]) == {}


def test_a_feature_that_never_varies_has_a_reference_too() -> None:
    known = reference(rows(100, land=0))
    assert sum(known["land"].shares) == pytest.approx(1)
    assert known["land"].step(0) != known["land"].step(1)
