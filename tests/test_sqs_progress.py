"""How far an export is: its pace, what it wrote down, and what it says of it."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.sqs.account import Account
from jobs.sqs.answers import Verdict
from jobs.sqs.books import Windows
from jobs.sqs.meter import Metrics, story
from jobs.sqs.pace import LONGEST, Pace, backoff
from jobs.sqs.progress import Part, State, Track, ranges, skip, too_late
from jobs.sqs.records import todo
from jobs.sqs.windows import in_turn
from tests.sqs import Journal, message


def test_a_pace_grows_with_answers_halves_once_a_pause_and_probes_while_throttled() -> None:
    pace = Pace(64)
    for _ in range(100):
        pace.answered()
    assert pace.window == 64
    for _ in range(5):
        pace.throttled(100.0)
    assert pace.window == 32
    assert not pace.may(100.05, 0)
    now, asked = 100.2, 0
    while now < 130:
        if pace.may(now, 0):
            asked += 1
            pace.throttled(now)
        now += 0.01
    assert asked < 25
    assert pace.wait(now) <= LONGEST
    pace.answered()
    assert 1 <= pace.window <= 2


def test_a_rate_is_kept() -> None:
    pace, now, sent = Pace(64, rate=1000), 0.0, 0
    while now < 2:
        if pace.may(now, 0):
            pace.left(now, 10)
            sent += 10
        now += 0.0005
    assert 1900 <= sent <= 2110
    assert [backoff(tries, 1) for tries in (1, 2, 20)] == [0.05, 0.1, 5.0]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 200), unique=True, max_size=60), st.randoms(), st.integers(0, 60))
def test_what_was_written_down_is_what_was_settled(offsets: list[int], chance: random.Random, killed: int) -> None:
    track, settled = Track(0, 0, 0, set()), []
    for offset in sorted(offsets):
        track.opened(offset)
    for offset in chance.sample(offsets, len(offsets))[:killed]:
        track.settle(offset)
        settled.append(offset)
    part = Part.model_validate_json(track.part().model_dump_json())
    state = State(queue="", topic="", topic_id="", parts={0: part})
    records = [(0, offset, None, None, (), 0) for offset in sorted(offsets) if offset >= part.next]
    again = [offset for _, offset, *_ in todo(records, state)]
    assert sorted([*again, *settled]) == sorted(offsets)
    second = Track.of(part)
    for offset in again:
        second.opened(offset)
    for offset in again:
        second.settle(offset)
    second.end(201)
    assert second.part() == Part(next=201, done=[], upto=201)


def test_what_is_in_doubt_is_what_was_announced_and_not_settled() -> None:
    state = State(
        queue="", topic="", topic_id="", parts={0: Part(next=5, done=[(7, 9)], upto=12), 1: Part(next=3, upto=3)}
    )
    assert state.doubtful == 5
    assert (too_late(state, 200), too_late(state, 300)) == (False, True)
    assert skip(state).doubtful == 0
    assert ranges([3, 1, 2, 9]) == [(1, 4), (9, 10)]


def test_nothing_is_sent_before_it_was_announced_and_only_so_much_is_in_doubt() -> None:
    journal = Journal()
    book = Windows(journal, State(queue="", topic="", topic_id=""), most=20)
    book.open([*map(message, range(10))])
    assert len(book) == 1
    book.tick(1.0)
    assert book.opened() == []
    assert journal.states[-1].doubtful == 10
    book.tick(1.1)
    [sent] = book.opened()
    book.open([*map(message, range(10, 20))])
    assert not book.room()
    for each in sent:
        book.settle(Verdict(each, "accepted", "m"))
    assert not book.room()  # accepted, and not written down
    book.tick(2.0)
    book.tick(2.1)
    book.opened()
    assert book.room()
    assert (journal.states[-1].accepted, journal.states[-1].doubtful) == (10, 10)


def test_what_a_killed_run_may_have_sent_comes_before_anything_new() -> None:
    state = State(queue="q", topic="t", topic_id="i", parts={0: Part(next=10, upto=30), 1: Part(next=5, upto=5)})

    assert in_turn({0: (10, 100), 1: (5, 50), 2: (0, 7)}, state) == (
        {0: (10, 30)},
        {0: (30, 100), 1: (5, 50), 2: (0, 7)},
    )
    assert in_turn({0: (40, 100), 1: (5, 5)}, state) == ({}, {0: (40, 100)})
    assert in_turn({0: (10, 20)}, state) == ({0: (10, 20)}, {})


def test_prometheus_sees_what_was_counted() -> None:
    account = Account(sent=12, accepted=9, dead=1, requests=2, bytes=90)
    samples = {
        (each.name, each.labels.get("outcome", "")): each.value
        for metric in Metrics("q", account, Pace(4)).collect()
        for each in metric.samples
    }
    assert samples[("headrace_sqs_messages_total", "accepted")] == 9
    assert samples[("headrace_sqs_open_messages", "")] == 2
    assert story(account, 100, 2.0) == "10 of 100 messages, 5/s, 1 dead letters, about 18 s left"
