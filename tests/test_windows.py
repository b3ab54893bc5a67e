import pytest

from jobs import windows
from jobs.bronze import furthest, skipped
from jobs.errors import UsageError
from jobs.lake import Entry
from jobs.windows import Window

HELD = {0: (4, 100), 1: (0, 50)}


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


def test_offsets_are_read_as_people_write_them() -> None:
    read = windows.read("0:10-20, 1:5-", "t", HELD)

    assert read == [Window("t", 0, 10, 20), Window("t", 1, 5, 50)]
    assert windows.written(read) == "0:10-20,1:5-50"
    assert windows.read("1:-9,0:-", "t", HELD) == [Window("t", 0, 4, 100), Window("t", 1, 0, 9)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ten", "'ten' are no offsets"),
        ("2:0-1", "partition 2 of 2:0-1 is not there: t has 2"),
        ("0:5-6,0:7-8", "is there twice"),
        ("0:5-101", "partition 0 of t ends at 100, not at 101"),
        ("0:9-5", "ends before it begins"),
    ],
)
def test_offsets_that_cannot_be_meant_are_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        windows.read(text, "t", HELD)


def test_what_may_have_been_in_a_time_range_and_is_gone_is_counted_at_most() -> None:
    wanted = windows.between("t", {0: 4, 1: 10}, {0: 40, 1: 20}, HELD)

    assert wanted == [Window("t", 0, 0, 40), Window("t", 1, 10, 20)]
    assert windows.of_expired(wanted, HELD, at_most=True) == ["up to 4 of 40 records of partition 0"]


def test_expired_records_are_said_in_words() -> None:
    held = {3: (22_403, 200_000)}

    assert windows.of_expired([Window("t", 3, 10_000, 100_000)], held) == ["12,403 of 90,000 records of partition 3"]


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ([], [(10, 20)]),
        ([(0, 12), (15, 16), (19, 30)], [(12, 15), (16, 19)]),
        ([(0, 30)], []),
        ([(12, 18), (14, 16)], [(10, 12), (18, 20)]),
    ],
)
def test_a_window_without_what_is_taken(taken: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    others = [*(Window("t", 0, *each) for each in taken), Window("t", 1, 0, 99)]

    assert windows.without([Window("t", 0, 10, 20)], others) == [Window("t", 0, *each) for each in left]


def test_a_range_is_cut_into_batches_that_hold_all_of_it_once() -> None:
    whole = [Window("t", 0, 5, 105), Window("t", 1, 0, 7)]

    batches = windows.cut(whole, 25)

    assert len(batches) == 5
    assert max(sum(each.offsets for each in batch) for batch in batches) <= 25
    every = [each for batch in batches for each in batch]
    assert windows.without(whole, every) == []
    assert sum(each.offsets for each in every) == 107
    assert windows.overlaps_and_gaps(every) == []


def test_a_range_is_cut_at_borders_also_where_time_goes_back() -> None:
    whole = [Window("t", 0, 5, 50), Window("t", 1, 0, 7)]

    batches = windows.cut_at(whole, [{0: 10, 1: 0}, {0: 8, 1: 3}, {0: 50, 1: 7}])

    assert batches == [
        [Window("t", 0, 5, 10)],
        [Window("t", 1, 0, 3)],
        [Window("t", 0, 10, 50), Window("t", 1, 3, 7)],
    ]


def test_what_a_range_skips_is_known_until_it_is_loaded() -> None:
    ahead = Entry(1, windows=[Window("t", 0, 50, 60)], skipped=windows.ahead("t", [Window("t", 0, 50, 60)], {}))
    part = Entry(2, windows=[Window("t", 0, 10, 20)])

    assert ahead.skipped == [Window("t", 0, 0, 50)]
    assert skipped([ahead, part]) == [Window("t", 0, 0, 10), Window("t", 0, 20, 50)]
    assert furthest([ahead, part]) == {0: 60}
    assert windows.ahead("t", [Window("t", 0, 60, 70)], {0: 60}) == []


def test_windows_of_one_partition_take_turns() -> None:
    one, two, other = Window("t", 0, 0, 5), Window("t", 0, 8, 9), Window("t", 1, 0, 5)

    assert windows.turns([one, two, other]) == [[one, other], [two]]
