"""The envelope: whatever a record was, its letter says it again."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import kafka
from jobs.dlq import letter, sending
from jobs.dlq.index import Index, Spot
from jobs.dlq.letter import DeadLetter, Mark, Pointer, decode, encode

NAMES = st.one_of(st.text(), st.sampled_from([*letter.NAMES, *letter.BACK_NAMES, "__connect.errors.topic", "reason"]))
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary() | st.just(b"0")), max_size=5).map(tuple)
LETTERS = st.builds(
    DeadLetter,
    origin=st.text(min_size=1),
    reason=st.text(min_size=1),
    value=st.none() | st.binary(),
    entry=st.sampled_from(["", "1"]),
    key=st.none() | st.binary(),
    headers=HEADERS,
    timestamp=st.integers(0, 1 << 60),
    run=st.text(),
    time=st.integers(0, 1 << 60),
)


@given(LETTERS)
def test_a_letter_is_read_as_it_was_written(dead: DeadLetter) -> None:
    assert decode(*encode(dead), 0) == dead


@given(LETTERS, st.builds(Pointer, st.integers(0), st.text("0123456789abcdef", min_size=1), st.text()))
def test_so_is_one_that_points_elsewhere(dead: DeadLetter, pointer: Pointer) -> None:
    pointing = DeadLetter(**{**vars(dead), "value": None, "pointer": pointer})
    assert decode(*encode(pointing), 0) == pointing


def test_a_letter_without_a_value_is_no_tombstone() -> None:
    key, value, _ = encode(DeadLetter("t/0/1", "no value", None))
    assert (key, value) == (b"t/0/1", b"")


def test_a_mark_has_a_key_of_its_own() -> None:
    mark = Mark("t/0/1", "t", "run-1", 5)
    key, value, headers = letter.mark(mark)
    assert (key, value) == (b"t/0/1#redriven", b"")
    assert decode(key, value, headers, 0) == mark


def test_what_connect_writes_is_read() -> None:
    headers = [
        ("own", b"1"),
        ("__connect.errors.topic", b"messages"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"17"),
        ("__connect.errors.connector.name", b"sink"),
        ("__connect.errors.exception.message", b"no such queue\n\tat x"),
    ]
    dead = decode(b"chat", b"value", headers, 1000)
    assert dead == DeadLetter(
        "messages/3/17", "no such queue", b"value", key=b"chat", headers=(("own", b"1"),), timestamp=1000, run="sink"
    )


def test_what_was_written_before_there_was_an_envelope_is_read() -> None:
    headers = [("reason", b"no value"), ("run", b"r"), ("entry", b"2"), ("key", None), ("null", b"true")]
    dead = decode(b"t/0/1", b"", headers, 7)
    assert dead == DeadLetter("t/0/1", "no value", None, "2", run="r", time=7)


def test_what_is_no_letter_at_all_is_listed_too() -> None:
    assert decode(None, b"x", [], 7) == DeadLetter("", "not said", b"x", time=7)


@pytest.mark.parametrize(
    "origin, place",
    [
        ("messages/3/17", ("messages", 3)),
        ("messages/unsent/00ff", ("messages", None)),
        ("gold/messages/00ff", None),
        ("", None),
    ],
)
def test_an_origin_says_where_a_letter_goes_back_to(origin: str, place: object) -> None:
    assert DeadLetter(origin, "r", b"").place == place


def test_a_value_that_the_topic_cannot_take_becomes_a_pointer() -> None:
    kept: list[tuple[bytes, str]] = []

    def keep(value: bytes, topic: str) -> str:
        kept.append((value, topic))
        return f"dead/{topic}"

    dead = [DeadLetter("t/0/1", "r", b"x" * 5000), DeadLetter("t/0/2", "r", b"small"), DeadLetter("t/0/3", "r", None)]
    large, small, none = sending.fitting(dead, "t.dlq", 4096, "run-1", keep)

    assert kept == [(b"x" * 5000, "t")]
    assert large.value is None
    assert large.pointer
    assert (large.pointer.size, large.pointer.stored) == (5000, "dead/t")
    assert (small.value, small.run, none.pointer) == (b"small", "run-1", None)
    assert small.time > 0


@given(LETTERS)
def test_a_letter_is_never_larger_than_it_is_counted(dead: DeadLetter) -> None:
    key, value, headers = encode(dead)
    held = len(key) + len(value) + sum(len(name.encode()) + len(each or b"") + 10 for name, each in headers)
    assert held <= sending.size(dead)


def test_the_same_record_that_could_not_be_sent_is_the_same_letter() -> None:
    first, again, other = (sending.unsent("t", kafka.Record(value, b"k"), "too large") for value in (b"a", b"a", b"b"))
    assert first == again
    assert first.origin != other.origin


def test_the_index_counts_a_letter_once_and_forgets_none_that_was_put_back() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        index = Index(database)
        letters = [DeadLetter(f"t/0/{number}", "bad", b"", "1", time=number) for number in (1, 2, 3)]
        again = DeadLetter("t/0/1", "worse", b"", "2", time=9)
        tried = DeadLetter("t/0/4", "bad", b"", headers=((letter.ATTEMPT, b"2"),), time=4)
        found = [*letters, Mark("t/0/2", "t"), again, letters[1], tried]
        index.add((each, Spot(0, number)) for number, each in enumerate(found))

        assert [*index.reasons(1)] == [("bad", 3, 1, 2, 4, "t/0/2")]
        assert index.rest(1) == (1, 1, 0)
        assert [*index.spots("bad")] == [Spot(0, 2), Spot(0, 6)]
        assert [*index.spots("b*", attempts=2)] == [Spot(0, 2)]
        assert (index.count(), index.count("bad", attempts=2), index.redriven("t")) == (3, 1, 1)
        assert index.of_entries([1, 2]) == 3
