"""What a cluster's state comes to."""

import pytest

from jobs.cluster import health
from jobs.cluster.health import Canary, Partition, percentile


def verdicts(*partitions: Partition, least: int = 3) -> dict[str, str]:
    return {each.check: each.verdict for each in health.partitions(partitions, least)}


def partition(isr: tuple[int, ...], min_isr: int = 2, leader: int = 1) -> Partition:
    return Partition("t-0", leader, (1, 2, 3), isr, min_isr)


@pytest.mark.parametrize(
    "given, offline, under, below, loses",
    [
        (partition((1, 2, 3)), "ok", "ok", "ok", "ok"),
        (partition((1, 2)), "ok", "warn", "ok", "fail"),
        (partition((1,)), "ok", "warn", "fail", "fail"),
        (partition((), leader=-1), "fail", "warn", "fail", "fail"),
    ],
)
def test_partitions_are_judged_by_their_slack(
    given: Partition, offline: str, under: str, below: str, loses: str
) -> None:
    assert list(verdicts(given).values()) == [offline, under, below, loses]


def test_a_laptop_may_be_unable_to_lose_its_only_broker() -> None:
    alone = Partition("t-0", 1, (1,), (1,), 1)
    assert verdicts(alone, least=1)["can't lose one broker"] == "warn"
    assert verdicts(alone, least=3)["can't lose one broker"] == "fail"


def test_the_partitions_at_fault_are_named() -> None:
    many = [Partition(f"t-{n}", -1, (1,), (), 1) for n in range(7)]
    found = health.partitions(many, 1)[0]
    assert found.detail == "7 of 7 partitions: t-0, t-1, t-2, t-3, t-4, ..."
    assert found.fix


def test_another_cluster_is_noticed() -> None:
    assert health.identity("a", "").verdict == "ok"
    assert health.identity("a", "a").verdict == "ok"
    assert health.identity("a", "b").verdict == "fail"
    assert health.brokers([1, 2], 3).verdict == "fail"


@pytest.mark.parametrize("canary", [Canary(10, 9, 9, 0, 1, 2), Canary(10, 10, 9, 0, 1, 2), Canary(10, 10, 10, 1, 1, 2)])
def test_a_canary_fails_when_a_record_is_lost_or_doubled(canary: Canary) -> None:
    assert canary.finding().verdict == "fail"


def test_percentiles_are_of_the_nearest_rank() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert (percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([7.0], 0.99), percentile([], 0.5)) == (
        50,
        99,
        7,
        0,
    )
