"""Payments by card: ten a second on 500 accounts at 40 merchants, 170 bytes each with its key.

An event's id says the seed and its number: `txn-1-000000000007`. Amounts, accounts and merchants come from a pool.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from random import Random
from typing import NamedTuple

TOPIC = "transactions"
POOL = 20_000
STEP = 7_919
ACCOUNTS, MERCHANTS = 500, 40
FIRST = 1_767_225_600  # 2026-01-01, in seconds since 1970
CURRENCIES = ("EUR",) * 7 + ("USD",) * 2 + ("CHF",)
OPENING = b'{"id":"txn-%d-'


class Drawn(NamedTuple):
    """What a payment is like, whenever it comes."""

    account: bytes
    merchant: bytes
    currency: bytes
    cents: int


def events(seed: int, numbers: range) -> Iterator[tuple[bytes, bytes]]:
    """Key (the account) and value of the events with these numbers."""
    pool = _pool(seed)
    form = (OPENING % seed) + (
        b'%012d","montant":%d.%02d,"currency":"%b","account":"%b","merchant":"%b","timestamp":"%b:%02d.%d00Z"}'
    )
    for number in numbers:
        each = pool[number * STEP % POOL]
        minute, tenths = divmod(number, 600)
        whole, cents = divmod(each.cents, 100)
        second, tenth = divmod(tenths, 10)
        text = (number, whole, cents, each.currency, each.account, each.merchant, _minute(minute), second, tenth)
        yield each.account, form % text


def number(key: bytes | None, value: bytes | None, seed: int) -> int | None:  # noqa: ARG001 - the account's name
    """The number of a generated event; None if it is not one of this seed."""
    opening = OPENING % seed
    if value is None or not value.startswith(opening):
        return None
    digits = value[len(opening) : value.find(b'"', len(opening))]
    return int(digits) if digits.isdigit() else None


@cache
def _pool(seed: int) -> list[Drawn]:
    random = Random(seed)  # noqa: S311 - nothing secret is drawn
    return [
        Drawn(
            b"acc-%05d" % random.randrange(ACCOUNTS),
            b"merchant-%03d" % min(random.randrange(MERCHANTS), random.randrange(MERCHANTS)),  # some have more
            random.choice(CURRENCIES).encode(),
            max(1, min(round(random.lognormvariate(8.3, 1)), 10_000_000)),
        )
        for _ in range(POOL)
    ]


@lru_cache(1_000)  # a producer may go on for years
def _minute(minute: int) -> bytes:
    return datetime.fromtimestamp(FIRST + minute * 60, UTC).strftime("%Y-%m-%dT%H:%M").encode()
