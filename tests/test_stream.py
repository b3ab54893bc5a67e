"""Transactions are read by rules, and counted once however often one begins anew."""

import json
from collections.abc import Callable
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from jobs import kafka
from jobs.datasets.events import transactions
from jobs.errors import JobError
from jobs.kafka import transactions as committing
from jobs.stream import counting
from jobs.stream.counting import Counting
from jobs.stream.transaction import Transaction, read

GOOD = {
    "id": "txn-001",
    "montant": 142.50,
    "currency": "EUR",
    "account": "a",
    "merchant": "m",
    "timestamp": "2026-03-01T23:59:59.9+02:00",
}


def made(**other: object) -> bytes:
    return json.dumps(GOOD | other).encode()


def test_a_transaction_is_read_to_the_cent_and_to_its_minute_in_utc() -> None:
    assert read(made()) == Transaction("txn-001", "2026-03-01T21:59Z", "m", "EUR", 14250)
    for value, merchant, cents in TAKEN:
        found = read(value)
        assert isinstance(found, Transaction), found
        assert (found.merchant, found.cents) == (merchant, cents)
    odd = read(made(merchant="\ud800"))
    assert isinstance(odd, Transaction)
    assert odd.merchant == "?"


REFUSED: list[tuple[bytes | None, str]] = [
    (None, "no value"),
    (b"\xff", "not UTF-8"),
    (b"[1]", "not JSON of the schema"),
    (b"{", "not JSON of the schema"),
    (b"[" * 100_000, "not JSON of the schema"),
    (made(id=None), "no id"),
    (made(merchant=""), "no merchant"),
    (made(montant=None), "no montant"),
    (made(montant=True), "not JSON of the schema"),
    (made(montant="much"), "not JSON of the schema"),
    (made(montant=""), "not JSON of the schema"),
    (made(montant=[1]), "not JSON of the schema"),
    (made(montant=0), "montant out of range"),
    (made(montant=-1), "montant out of range"),
    (made(montant=1_000_000_000.01), "montant out of range"),
    (made(montant=1e17), "montant out of range"),
    (made(montant=float("nan")), "not JSON of the schema"),
    (made(montant="NaN"), "not JSON of the schema"),
    (made(montant=1.005), "montant has fractions of a cent"),
    (made(currency="eur"), "currency is none"),
    (made(currency="EUR\n"), "currency is none"),
    (made(timestamp="yesterday"), "timestamp is none"),
    (made(timestamp="2026-02-29T12:00:00Z"), "timestamp is none"),
    (made(timestamp="2026-02-28"), "timestamp is none"),
    (made(timestamp="0001-01-01T00:00:00+14:00"), "timestamp is none"),
    (made(timestamp="1970-01-01T00:00:00+01:00"), "timestamp is none"),
    (made(timestamp="9999-12-31T23:59:59-17:00"), "timestamp is none"),
    (made(merchant="x" * 1001), "merchant too long"),
]
"""What is none, and why: also to silver (tests/services/test_transactions.py)."""

TAKEN: list[tuple[bytes, str, int]] = [
    (made(montant=0.29), "m", 29),
    (made(montant=0.07), "m", 7),
    (made(montant=1), "m", 100),
    (made(montant="12.30"), "m", 1230),
    (made(montant=1_000_000_000), "m", 100_000_000_000),
    (made(montant=0.0099999), "m", 1),
    (made(montant=1.0000001), "m", 100),
    (made(merchant=7), "7", 14250),
    (made(merchant=True), "true", 14250),
    (made(merchant="é" * 1000), "é" * 1000, 14250),
    (made(timestamp="1970-01-01 00:00:00"), "m", 14250),
    (made(timestamp="9999-12-31T23:59:59.999999Z", more=[{}]), "m", 14250),
]
"""What is one, its merchant and its amount in cents."""


@pytest.mark.parametrize("value, reason", [*REFUSED, (b'{"montant":1e99999999999999999999}', "not JSON of the schema")])
def test_what_is_none_says_why(value: bytes | None, reason: str) -> None:
    assert read(value) == reason


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_whatever_comes_is_read_or_refused(value: bytes) -> None:
    assert isinstance(read(value), str)


@given(st.dictionaries(st.sampled_from([*GOOD]), st.none() | st.floats() | st.integers() | st.text() | st.booleans()))
def test_whatever_a_field_has_is_read_or_refused(other: dict[str, object]) -> None:
    assert isinstance(read(made(**other)), Transaction | str)


def test_generated_transactions_follow_from_seed_and_number_and_keep_the_rules() -> None:
    whole = [*transactions.events(7, range(3000))]

    assert [*transactions.events(7, range(2990, 3000))] == whole[2990:]
    assert whole != [*transactions.events(8, range(3000))]
    assert [transactions.number(key, value, 7) for key, value in whole] == [*range(3000)]
    assert transactions.number(*whole[0], seed=8) is None
    assert all(isinstance(read(value), Transaction) for _, value in whole)
    assert b'"timestamp":"2026-01-01T00:04:59.900Z"' in whole[2999][1]


def one(number: int, minute: str = "2026-01-01T00:00Z") -> Transaction:
    return Transaction(f"t{number}", minute, "m", "EUR", number)


def summed(records: list[tuple[bytes, bytes]]) -> tuple[int, Decimal, int]:
    last = [json.loads(value) for value in dict(records).values()]
    return (
        sum(each["count"] for each in last),
        sum((Decimal(each["montant"]) for each in last), Decimal()),
        sum(each["duplicates"] for each in last),
    )


def test_pieces_add_up_wherever_somebody_else_goes_on() -> None:
    written: list[tuple[bytes, bytes]] = []
    part = Counting(0, 0, 50)
    for offset in range(100):
        if offset % 30 == 0:
            part = Counting(0, offset, 50)  # a restart: only ids are read again
            for before in range(max(0, offset - 50), offset):
                part.meet(one(before % 80), before)
        part.count(one(offset % 80), offset)
        written += part.written()

    assert summed(written) == (100, Decimal(sum(n % 80 for n in range(100))).scaleb(-2), 0), "80 back is forgotten"


def test_what_is_a_duplicate_does_not_depend_on_where_one_begins() -> None:
    ids = [n * n % 37 for n in range(400)]
    whole = Counting(0, 0, 20)
    said = [whole.meet(one(each), offset) for offset, each in enumerate(ids)]
    for begin in (1, 57, 201):
        later = Counting(0, begin, 20)
        for offset in range(max(0, begin - 20), begin):
            later.meet(one(ids[offset]), offset)
        assert [later.meet(one(ids[offset]), offset) for offset in range(begin, 400)] == said[begin:]
    assert True in said
    assert len(whole.seen) <= 21


def test_memory_is_bounded_and_what_was_forgotten_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "PIECES", 10)
    part, written = Counting(3, 0, 5), list[tuple[bytes, bytes]]()
    for offset in range(300):
        part.count(one(offset, f"2026-01-01T00:{offset % 30:02}Z"), offset)
        written += part.written()
        assert len(part.pieces) <= 10

    assert summed(written)[0] == 300
    assert len(part.written()) == 0


class Transacting:
    """A producer and its reader, of which one call is made."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def consumer_group_metadata(self) -> None:
        pass

    def send_offsets_to_transaction(self, *_: object) -> None:
        self.call()


def test_a_call_that_hangs_is_an_error_and_what_it_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "HANDS", 0.05 - kafka.REQUEST)
    hangs, places = Event(), [TopicPartition("t", 0, 1)]

    def send(call: Callable[[], object]) -> None:
        client: Any = Transacting(call)
        kafka.send_offsets(client, client, places)

    with pytest.raises(JobError, match="t: Kafka's client hangs"):
        send(hangs.wait)
    hangs.set()
    with pytest.raises(ZeroDivisionError):
        send(lambda: 1 / 0)
    send(lambda: None)
