"""One transaction, read by the same rules as silver's (jobs/datasets/transactions.py), without Spark; pure."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, cast

from jobs.datasets.payments import CURRENCY, LARGEST, LONGEST, NAMES, NEEDED, TIME

BEYOND = Decimal(10) ** 18
PLACES = Decimal("0.000001")  # silver reads no more
MALFORMED = "not JSON of the schema"


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is counted of a transaction.

    Args:
        id: What tells it from others.
        minute: The minute it was paid in, UTC: `2026-01-01T00:00Z`.
        merchant: Who got it.
        currency: As ISO 4217 has it: `EUR`.
        cents: How much, in hundredths of the currency.
    """

    id: str
    minute: str
    merchant: str
    currency: str
    cents: int


def read(value: bytes | None) -> Transaction | str:
    """A record's transaction, or why it is none."""
    if value is None:
        return "no value"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    try:
        found: Any = json.loads(text, parse_float=Decimal, parse_constant=_no)
    except (ValueError, ArithmeticError, RecursionError):
        return MALFORMED
    return _checked(cast(dict[str, Any], found)) if isinstance(found, dict) else MALFORMED


def _checked(event: dict[str, Any]) -> Transaction | str:
    montant = event.get("montant")
    amount = _amount(montant)
    if montant is not None and amount is None:
        return MALFORMED
    said = {name: _text(event.get(name)) for name in NEEDED}
    minute, cents = _minute(said["timestamp"]), (amount or Decimal()) * 100
    for wrong, reason in (
        *((not said[name], f"no {name}") for name in NEEDED),
        *((len(said[name]) > LONGEST, f"{name} too long") for name in NAMES),
        (not 1 <= cents <= LARGEST * 100, "montant out of range"),
        (cents != int(cents), "montant has fractions of a cent"),
        (not re.fullmatch(CURRENCY, said["currency"]), "currency is none"),
        (not minute, "timestamp is none"),
    ):
        if wrong:
            return reason
    return Transaction(said["id"], minute, said["merchant"], said["currency"], int(cents))


def _text(value: Any) -> str:
    """A field as text: any JSON is one, as it is written, and what no UTF-8 can hold becomes a question mark."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)
    return text.encode(errors="replace").decode()


def _amount(montant: Any) -> Decimal | None:
    """An amount to the places that count: a number, or a text that is one; None if it is neither."""
    if isinstance(montant, bool) or not isinstance(montant, int | Decimal | str):
        return None
    try:
        amount = Decimal(montant)
    except InvalidOperation:
        return None
    if not amount.is_finite():
        return None
    return amount.quantize(PLACES, ROUND_HALF_UP) if abs(amount) < BEYOND else BEYOND


def _minute(timestamp: str) -> str:
    """The minute it is in, or nothing if it is no time."""
    if not re.fullmatch(TIME, timestamp):
        return ""
    try:
        paid = datetime.fromisoformat(timestamp)
        paid = paid.astimezone(UTC) if paid.tzinfo else paid
    except (ValueError, OverflowError):
        return ""
    return paid.strftime("%Y-%m-%dT%H:%MZ") if paid.year >= 1970 else ""


def _no(constant: str) -> Any:
    """JSON has no NaN and no infinity, though Python reads them."""
    raise ValueError(constant)
