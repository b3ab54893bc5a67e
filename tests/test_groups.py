"""Lag in records, in seconds, and until something is lost; times as people write them."""

import pytest

from jobs import times
from jobs.cluster.posture import retention
from jobs.errors import UsageError
from jobs.groups.lag import Lag, Place, judge, lag

HOUR, DAY = 3600.0, 86400.0
NOW = 1_767_268_800.0


def found(*places: Place, kept: float = 7 * DAY, members: int = 1) -> Lag:
    return lag("g", "t", members, places, retention=kept, now=NOW)


def place(partition: int = 0, next: int = 10, first: int = 0, end: int = 10, age: float | None = None) -> Place:
    return Place(partition, next, first, end, None if age is None else NOW - age)


def test_a_group_that_has_read_all_is_not_behind() -> None:
    mine = found(place(), place(1))
    assert (mine.records, mine.seconds, mine.until_loss, mine.expired) == (0, 0, None, 0)
    assert judge(mine, HOUR).verdict == "ok"


def test_a_group_is_as_far_behind_as_its_worst_partition() -> None:
    mine = found(place(0, 5, age=60), place(1, 2, age=DAY), place(2))
    assert (mine.records, mine.seconds, mine.until_loss, mine.partition) == (13, DAY, 6 * DAY, 1)


def test_what_was_deleted_unread_is_counted_apart() -> None:
    mine = found(place(0, next=3, first=8, end=10, age=60))
    assert (mine.records, mine.expired) == (2, 5)
    assert judge(mine, 0).verdict == "fail"
    assert "5 records were deleted unread" in judge(mine, 0).detail
    gone = found(place(0, next=3, first=10, end=10))
    assert (gone.records, gone.expired) == (0, 7)


def test_a_group_ahead_of_a_topic_that_was_made_again_is_not_behind_by_less_than_nothing() -> None:
    assert found(place(0, next=99)).records == 0


@pytest.mark.parametrize(
    "age, kept, max_age, verdict",
    [
        (60, DAY, 0, "ok"),
        (22.5 * HOUR, DAY, 0, "warn"),
        (23.5 * HOUR, DAY, 0, "fail"),
        (30 * HOUR, DAY, 0, "fail"),  # it is there still, for segments go as a whole
        (1000 * DAY, float("inf"), 0, "ok"),
        (1000 * DAY, float("inf"), HOUR, "fail"),
        (60, DAY, HOUR, "ok"),
    ],
)
def test_a_lag_is_judged_by_the_time_that_is_left(age: float, kept: float, max_age: float, verdict: str) -> None:
    assert judge(found(place(next=5, age=age), kept=kept), HOUR, max_age).verdict == verdict


def test_a_lag_is_said_in_units_for_people() -> None:
    said = judge(found(place(next=5, age=90 * 60), members=0), HOUR)
    assert said.check == "lag of g in t"
    assert said.detail == "5 records, the oldest 1.5 h old, 6.9 d until it is lost, no members now"


@pytest.mark.parametrize(
    "configs, kept",
    [
        ({"retention.ms": "1000"}, 1),
        ({"retention.ms": "1000", "cleanup.policy": "compact"}, float("inf")),
        ({"retention.ms": "1000", "cleanup.policy": "compact,delete"}, 1),
        ({"retention.ms": "-1"}, float("inf")),
        ({}, float("inf")),
    ],
)
def test_how_long_a_topic_keeps_a_record(configs: dict[str, str], kept: float) -> None:
    assert retention(configs) == kept


@pytest.mark.parametrize("text, seconds", [("", 0), ("90s", 90), ("15m", 900), ("1.5h", 5400), ("7d", 604800)])
def test_times(text: str, seconds: float) -> None:
    assert times.seconds(text) == seconds


@pytest.mark.parametrize("text", ["1", "h", "1 hour", "-1h", "* * * * *"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        times.seconds(text)


@pytest.mark.parametrize("length, said", [(0, "0 s"), (59, "59 s"), (60, "1 min"), (5400, "1.5 h"), (7 * DAY, "7 d")])
def test_times_are_said_in_their_largest_unit(length: float, said: str) -> None:
    assert times.said(length) == said
