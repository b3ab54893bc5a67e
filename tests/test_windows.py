import pytest

from jobs import windows
from jobs.windows import Window


def test_what_is_new_begins_where_the_ledger_ends() -> None:
    new = windows.since("t", {0: 5, 1: 7}, {0: (0, 9), 1: (0, 7), 2: (0, 3)})

    assert new == [Window("t", 0, 5, 9), Window("t", 2, 0, 3)]


def test_offsets_that_the_topic_no_longer_holds_are_counted() -> None:
    todo = [Window("t", 0, 0, 10), Window("t", 1, 0, 10), Window("t", 2, 0, 10)]

    assert windows.expired(todo, {0: (4, 10), 1: (0, 10), 2: (30, 40)}) == {0: 4, 2: 10}


def test_clipped_windows_keep_what_is_still_there() -> None:
    todo = [Window("t", 0, 0, 10), Window("t", 1, 0, 10)]

    assert windows.clip(todo, {0: (4, 12), 1: (10, 12)}) == [Window("t", 0, 4, 10)]


@pytest.mark.parametrize(
    ("taken", "problems"),
    [
        ([(0, 0, 5), (0, 5, 9), (1, 3, 4)], []),
        ([(0, 0, 5), (0, 6, 9)], ["gap in partition 0: 0..5 is followed by 6..9"]),
        ([(0, 5, 9), (0, 0, 6)], ["overlap in partition 0: 0..6 is followed by 5..9"]),
    ],
)
def test_windows_must_follow_each_other(taken: list[tuple[int, int, int]], problems: list[str]) -> None:
    assert windows.overlaps_and_gaps(Window("t", *each) for each in taken) == problems
