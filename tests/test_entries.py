"""What a ledger says is read from commits of every shape; what was changed behind its back is found."""

import json
from dataclasses import replace

import pytest

from jobs import entries
from jobs.entries import Commit, Entry
from jobs.errors import JobError
from jobs.ledger.checks import Part, outside, with_holes
from jobs.shown import short, shown
from jobs.windows import Window

OLD = (  # as 0.1 wrote it on 2026-11-20
    '{"sequence": 1, "run": "messages-1", "windows": [{"topic": "t", "partition": 0, "first": 0, "end": 9}],'
    ' "topic_id": "x", "expired": [], "through": 0, "below": "", "counts": {}, "rows": 0, "id": "abc"}'
)


def commit(number: int, operation: str = "WRITE", entry: Entry | None = None, **parameters: str) -> Commit:
    return Commit(number, 1_000, operation, parameters, entries.dump(entry) if entry else None, 5, "Spark Delta")


def test_an_entry_is_read_as_it_was_written_with_what_its_commit_says() -> None:
    entry = Entry(3, windows=[Window("t", 0, 1, 5)], counts={"dead": 1}, anew=True, checksum="0F")

    found = entries.entries([commit(0), commit(7, entry=entry), commit(8, "OPTIMIZE")])

    assert [replace(each, rows=0, ended=None, version=-1, engine="") for each in found] == [entry]
    assert (found[0].rows, found[0].version, found[0].engine) == (5, 7, "Spark Delta")
    assert found[0].begun == entry.begun


def test_an_entry_of_before_is_read_without_making_up_what_it_does_not_say() -> None:
    found = entries.entries([Commit(0, 2_000, "WRITE", {}, OLD, 9)])[0]

    assert (found.sequence, found.run, found.rows, found.windows[0].end) == (1, "messages-1", 9, 9)
    assert (found.begun, found.software, found.checksum, found.anew) == (None, "", "", False)
    assert found.ended is not None


def test_what_a_later_version_adds_to_an_entry_is_no_error() -> None:
    text = json.dumps({**json.loads(OLD), "colour": "red"})

    assert entries.entries([Commit(0, 0, "WRITE", {}, text)])[0].id == "abc"


E1, E2 = Entry(1), Entry(2)


@pytest.mark.parametrize(
    ("commits", "found"),
    [
        ([commit(0, entry=E1), commit(1, "OPTIMIZE"), commit(2, "VACUUM END"), commit(3, entry=E2)], []),
        ([commit(0, entry=E1), commit(1, "DELETE")], [1]),
        ([commit(0, entry=E1), commit(1, "DELETE"), commit(2, "RESTORE", version="0")], []),
        ([commit(0, entry=E1), commit(1, "UPDATE"), commit(2, "DELETE"), commit(3, "RESTORE", version="1")], [1]),
        ([commit(0, entry=E1), commit(1, entry=E2), commit(2, "RESTORE", version="0")], [2]),
        ([commit(0)], [0]),
        ([commit(0, entry=E1), commit(1, "DELETE"), commit(2, entry=Entry(2, anew=True)), commit(3, "MERGE")], [3]),
    ],
)
def test_a_change_without_an_entry_is_found_unless_it_was_undone(commits: list[Commit], found: list[int]) -> None:
    assert [each.version for each in entries.strangers(commits)] == found


def test_a_table_that_was_made_anew_is_what_its_last_entries_say() -> None:
    ledger = [Entry(1), Entry(2, anew=True), Entry(3), Entry(4, anew=True), Entry(5)]

    assert [each.sequence for each in entries.current(ledger)] == [4, 5]
    assert entries.current(ledger[:1]) == ledger[:1]
    assert entries.current([]) == []


def test_a_table_made_of_another_one_than_that_below_says_how_to_make_it_anew() -> None:
    below = [Entry(1), Entry(2)]

    assert entries.included("silver/t", [Entry(1, through=2, below=below[1].id)], below) == 2
    with pytest.raises(JobError) as raised:
        entries.included("silver/t", [Entry(1, through=1, below="other")], below)
    assert "--rebuild" in raised.value.hint


def test_checksums_do_not_depend_on_order_and_can_be_put_together() -> None:
    assert entries.checksum([1, -5, 7]) == entries.checksum([7, 1, -5]) != entries.checksum([1, -5])
    assert entries.checksum([int(entries.checksum([1, -5]), 16), 7]) == entries.checksum([1, -5, 7])
    assert entries.checksum([]) == "0" * 16


PARTS = [Part("t", 0, 1, 5, 0, 4, 0, 0), Part("t", 0, 1, 4, 5, 9, 0, 0), Part("t", 1, 1, 2, 0, 1, 0, 0)]


def test_rows_outside_the_windows_of_their_entry_and_windows_with_holes_are_found() -> None:
    entry = Entry(1, windows=[Window("t", 0, 0, 10), Window("t", 1, 0, 2)])

    assert outside([entry], PARTS) == 0
    assert outside([replace(entry, windows=[Window("t", 0, 0, 9), Window("t", 1, 0, 2)])], PARTS) == 4
    assert outside([replace(entry, windows=entry.windows[:1])], PARTS) == 2
    assert with_holes([entry], PARTS) == [Window("t", 0, 0, 10)]


def test_windows_in_short_leave_out_what_has_no_room() -> None:
    windows = [Window("t", partition, 0, 5) for partition in range(5)]

    assert short(windows) == "0:0..5 1:0..5 2:0..5 and 2 more"
    assert short(windows[:1]) == "0:0..5"


def test_what_is_shown_tells_of_each_table_the_newest_entries_and_how_far_it_is() -> None:
    bronze = [Entry(n, windows=[Window("t", 0, n * 5 - 5, n * 5)]) for n in (1, 2, 3)]
    silver = Entry(1, through=2, counts={"records": 10, "dead": 1})
    found = {
        "bronze/t": [commit(n, entry=each) for n, each in enumerate(bronze)],
        "silver/t": [commit(0, entry=silver)],
        "gold/t": [],
    }

    told = shown("t", found, {0: (0, 17), 1: (3, 4)}, 2)

    assert [(each.table, each.entries, each.rows, each.behind) for each in told.layers] == [
        ("bronze/t", 3, 15, 3),
        ("silver/t", 1, 5, 1),
        ("gold/t", 0, -1, 1),
    ]
    assert [line.entry for line in told.layers[0].lines] == [3, 2]
    assert (told.layers[1].lines[0].duplicates, told.layers[1].lines[0].windows) == (4, "entries 1..2")
    assert "3 offsets of the topic behind" in told.text()
    assert shown("t", found, None, 1).layers[0].behind == -1
