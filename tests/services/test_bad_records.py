"""Records that no dataset expects: generated ones, and those of a producer that has changed."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from confluent_kafka import Producer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jobs.dlq.index import read as letter_of
from jobs.dlq.letter import DeadLetter
from tests.services.copies import Copy
from tests.services.test_dlq import records as all_of
from tests.services.test_lake import Topic, good

COUNT = int(os.environ.get("DLQ_GENERATED", "300"))
"""How many records are generated: the whole proof is DLQ_GENERATED=10000."""

Dataset = Literal["messages", "vehicles"]
LARGE = (1_048_000, 1_047_999, 1_047_998)  # bytes of a value that the broker takes by default, and no letter of it


def event(dataset: Dataset, number: int) -> dict[str, Any]:
    if dataset == "messages":
        return json.loads(good(number))
    return {
        "event_id": f"e{number}",
        "vehicle_id": f"v{number % 7}",
        "type": ("bus", "van")[number % 2],
        "time": "2026-03-01T12:00:00Z",
        "battery": 50.5,
        "latitude": 10.5,
        "longitude": 1,
        "speed": 3,
    }


def nested(depth: int, opening: str) -> bytes:
    return opening.encode() * depth


def values() -> st.SearchStrategy[Any]:
    """Any JSON: also numbers and texts that few expect."""
    huge = st.sampled_from([10**400, -(10**19), 2**63, 1e308, "9" * 2000, "\x00", "\ud83d\ude00"])
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | huge
    return st.recursive(
        plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=6
    )


@st.composite
def mutated(draw: st.DrawFn, dataset: Dataset) -> bytes:
    """An event with a field of another type, without one, or with one more."""
    found = event(dataset, draw(st.integers(1_000_000, 9_000_000)))
    name = draw(st.sampled_from([*found, "new"]))
    if draw(st.booleans()):
        found[name] = draw(values())
    else:
        found.pop(name, None)
    return json.dumps(found).encode()


def bad(dataset: Dataset) -> st.SearchStrategy[bytes | None]:
    """What a topic may hold beside events: not UTF-8, deep, huge, of wrong types, empty, tombstones."""
    openings = st.sampled_from(["[", '{"a":', '{"chat":{"id":', '[{"a":['])
    return st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=20).map(lambda tail: b'{"text": "\xff' + tail),
        st.builds(nested, st.integers(1, 5000), openings),
        st.builds(lambda depth: b'{"x": ' + b"[" * depth + b"]" * depth + b"}", st.integers(1, 5000)),
        values().map(lambda value: json.dumps(value).encode()),
        mutated(dataset),
        mutated(dataset),
        st.sampled_from([None, b"", b" ", b"null", b"\xef\xbb\xbf{}", b"{}" * 3]),
        st.integers(10_000, 60_000).map(lambda size: b'{"text": "' + b"x" * size),
    )


def generated(dataset: Dataset, count: int) -> list[bytes | None]:
    """So many of them, the same each time; a few are as large as the broker takes."""
    found: list[bytes | None] = []

    @settings(
        max_examples=count // 10 + 1,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(st.lists(bad(dataset), min_size=10, max_size=10))
    def collect(some: list[bytes | None]) -> None:
        found.extend(some)

    collect()
    large = [b"\xff" * size for size in LARGE]
    assert len(found) >= count
    return found[: count - len(large)] + large


def changed(dataset: Dataset, number: int, **fields: Any) -> bytes:
    found = event(dataset, number) | fields
    return json.dumps({name: value for name, value in found.items() if value != "gone"}).encode()


DRIFT: dict[Dataset, list[tuple[dict[str, Any], str]]] = {
    "messages": [
        ({"edited": True, "chat": {"id": "1", "type": "group", "title": "x"}}, ""),  # new fields
        ({"text": "gone", "from": "gone"}, ""),  # missing ones that an event can do without
        ({"text": 5}, ""),  # a text takes any JSON
        ({"message_id": "gone"}, "no message_id"),
        ({"date": "gone"}, "no sent_at"),
        ({"chat": "gone"}, "no chat_id"),
        ({"message_id": "7"}, "not JSON of the schema"),  # a changed type
        ({"date": "2026-01-01"}, "not JSON of the schema"),
        ({"chat": 5}, "not JSON of the schema"),
    ],
    "vehicles": [
        ({"charger": "ccs"}, ""),
        ({"vehicle_id": 7}, ""),
        ({"battery": "gone"}, "no battery"),
        ({"time": "gone"}, "no time"),
        ({"speed": "fast"}, "not JSON of the schema"),
        ({"latitude": [1]}, "not JSON of the schema"),
    ],
}
"""Fields that are new, gone or of another type, and the reason of the letter; none is an event all the same."""


@dataclass(frozen=True)
class Run:
    """One topic with all of it, after silver and gold."""

    dataset: Dataset
    sent: list[bytes | None]
    valid: list[bytes]
    cleaned: dict[str, Any]
    books: dict[str, Any]
    letters: list[DeadLetter]


@pytest.fixture(scope="module", params=["messages", "vehicles"])
def run(stack: Copy, request: pytest.FixtureRequest) -> Run:
    dataset: Dataset = request.param
    topic = Topic(stack)
    valid = [json.dumps(event(dataset, number)).encode() for number in range(100, 100 + COUNT // 10)]
    sent = generated(dataset, COUNT)
    for number, value in enumerate(valid):
        sent.insert(number * 11, value)
    sent += [changed(dataset, number, **fields) for number, (fields, _) in enumerate(DRIFT[dataset])]
    producer = Producer({**topic.config, "message.max.bytes": 1_048_588})
    for value in sent:
        producer.produce(topic.name, value)
        producer.poll(0)
    assert producer.flush(120) == 0

    def do(*words: str) -> dict[str, Any]:
        done = stack.headrace(*words, f"--topic={topic.name}")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    do("bronze", "load")
    cleaned = do("silver", "clean", f"--dataset={dataset}")
    do("gold", "build", f"--dataset={dataset}")
    books = do("ledger", "verify", f"--dataset={dataset}")["counts"]
    letters = [letter_of(each) for each in all_of(topic, f"{topic.name}.dlq")]
    read = [each for each in letters if isinstance(each, DeadLetter)]
    assert len(read) == len(letters)
    return Run(dataset, sent, valid, cleaned, books, read)


def test_good_records_and_dead_letters_are_all_records_and_nothing_is_blocked(run: Run) -> None:
    cleaned = run.cleaned

    assert run.books["bronze"] == cleaned["records"] == len(run.sent)
    assert cleaned["rows"] + cleaned["duplicates"] + cleaned["dead"] == len(run.sent)
    assert run.books["dead"] == cleaned["dead"] == len(run.letters) == len({each.origin for each in run.letters})
    assert cleaned["dead"] > COUNT // 2
    held = Counter(each.value for each in run.letters if not each.pointer)
    assert not held - Counter(run.sent), "a letter holds the bytes of its record"
    assert not held.keys() & {*run.valid}
    assert sorted(each.size for each in run.letters if each.pointer) == sorted(LARGE)


def test_each_kind_of_drift_has_the_one_behaviour_that_is_documented(run: Run) -> None:
    why = {each.value: each.reason for each in run.letters if not each.pointer}
    cases = DRIFT[run.dataset]

    found = [why.get(changed(run.dataset, number, **fields), "") for number, (fields, _) in enumerate(cases)]

    assert found == [reason for _, reason in cases]
