"""What waits to be sent goes in requests that the queue takes, and in its order."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.sqs.waiting import Fifo, Standard
from tests.sqs import LIMIT, message


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * 10, [10]),
        ([1] * 11, [10, 1]),
        ([60, 40, 1], [2, 1]),
        ([60, 41, 1], [1, 2]),
        ([100, 1], [1, 1]),
        ([101, 1], [1, 1]),
        ([], []),
    ],
)
@pytest.mark.parametrize("kind", [Standard, Fifo])
def test_a_request_holds_ten_messages_and_as_many_bytes_as_the_queue_takes(
    kind: type[Standard] | type[Fifo], sizes: list[int], expected: list[int]
) -> None:
    waiting = kind(LIMIT)
    waiting.add(message(number, size, f"g{number}") for number, size in enumerate(sizes))
    found: list[int] = []
    while batch := waiting.take(0):
        found.append(len(batch))
    assert found == expected


def test_what_goes_again_goes_with_its_like_and_in_its_order() -> None:
    waiting = Standard(LIMIT)
    waiting.add(map(message, range(20)))
    first = waiting.take(0)
    for each in (first[7], first[2]):
        waiting.back(each, 5)
    assert [each.offset for each in waiting.take(1)] == [*range(10, 20)]
    assert waiting.take(4) == []
    assert [each.offset for each in waiting.take(5)] == [2, 7]


def test_a_message_that_must_be_alone_is() -> None:
    waiting = Standard(LIMIT)
    waiting.add(map(message, range(3)))
    for each in waiting.take(0):
        each.alone = True
        waiting.back(each, 0)
    assert [[each.offset for each in waiting.take(0)] for _ in range(3)] == [[0], [1], [2]]


def test_a_failed_message_stops_its_group_and_no_other() -> None:
    waiting = Fifo(LIMIT)
    waiting.add(message(number, group="ab"[number % 2]) for number in range(6))
    a, b = waiting.take(0)
    assert waiting.take(0) == []  # one of each group is under way
    waiting.back(a, 10)
    waiting.settled(b)
    assert [each.offset for each in waiting.take(1)] == [3]
    assert [each.offset for each in waiting.take(10)] == [0]
    assert len(waiting) == 3


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), max_size=60), st.randoms())
def test_no_group_ever_loses_its_order(groups: list[int], chance: random.Random) -> None:
    waiting, sent, now = Fifo(LIMIT), [], 0.0
    waiting.add(message(number, group=str(group)) for number, group in enumerate(groups))
    while len(waiting):
        now += 1
        for each in waiting.take(now):
            if chance.random() < 0.3:
                waiting.back(each, now + chance.random() * 5)
            else:
                sent.append(each)
                waiting.settled(each)
    assert sorted(each.offset for each in sent) == [*range(len(groups))]
    for group in set(groups):
        offsets = [each.offset for each in sent if each.group == str(group)]
        assert offsets == sorted(offsets)
