"""What is asked of the documents, as MongoDB is asked it; pure.

Every value of a request is a value to MongoDB, too: none can become an operator.
"""
# bson types what it reads as Any:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import binascii
import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from bson import Decimal128, ObjectId, json_util
from bson.errors import BSONError

from jobs.errors import UsageError

FIELD = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
FILTER = re.compile(rf"({FIELD})(!=|>=|<=|=|>|<)(.*)", re.DOTALL)
OPERATORS = {"=": "$in", "!=": "$nin", ">=": "$gte", "<=": "$lte", ">": "$gt", "<": "$lt"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
INT64 = range(-(1 << 63), 1 << 63)

TYPES = (
    ("null", type(None)),
    ("number", (int, float, Decimal128)),
    ("string", str),
    ("binData", bytes),
    ("objectId", ObjectId),
    ("bool", bool),
    ("date", datetime),
)
"""Types by which documents can be sorted, in the order in which MongoDB sorts them, by the names of its `$type`."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """What is asked for.

    Args:
        collection: Where.
        filters: Conditions that all hold, such as `amount>=100`.
        sort: The field to sort by, with `-` before it for the greatest first; equal ones are sorted by `_id`.
        fields: Which fields to give; all when empty.
        limit: At most so many documents.
    """

    collection: str
    filters: tuple[str, ...] = ()
    sort: str = "_id"
    fields: tuple[str, ...] = ()
    limit: int = 100

    @property
    def field(self) -> str:
        """The field to sort by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the greatest come first."""
        return self.sort.startswith("-")

    @property
    def order(self) -> list[tuple[str, int]]:
        """The order as MongoDB takes it."""
        way = -1 if self.descending else 1
        return [(self.field, way)] if self.field == "_id" else [(self.field, way), ("_id", way)]

    @property
    def digest(self) -> str:
        """What a cursor must agree with: it goes on with the same question only."""
        return hashlib.sha256(repr((self.collection, self.filters, self.sort)).encode()).hexdigest()[:16]

    def condition(self, cursor: str = "") -> Document:
        """Which documents are meant, those after a cursor if there is one.

        Raises:
            UsageError: A filter or the cursor is none.
        """
        parts = [condition(each) for each in self.filters]
        if cursor:
            parts.append(self._after(cursor))
        return {"$and": parts} if parts else {}

    def cursor(self, last: Document) -> str:
        """Where to go on after a document."""
        said = {"q": self.digest, "v": value_at(last, self.field), "i": last["_id"]}
        return urlsafe_b64encode(json_util.dumps(said, json_options=json_util.CANONICAL_JSON_OPTIONS).encode()).decode()

    def _after(self, cursor: str) -> Document:
        value, identity = self._decoded(cursor)
        if self.field == "_id":
            return {"$or": beyond("_id", identity, descending=self.descending)}
        equal = [{self.field: value}, {"$or": beyond("_id", identity, descending=self.descending)}]
        return {"$or": [*beyond(self.field, value, descending=self.descending), {"$and": equal}]}

    def _decoded(self, cursor: str) -> tuple[Any, Any]:
        wrong = UsageError("the cursor is not one of this query", hint="begin without a cursor; keep filter and sort")
        try:
            options = json_util.JSONOptions(tz_aware=True, tzinfo=UTC)
            said = json_util.loads(urlsafe_b64decode(cursor.encode()).decode(), json_options=options)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise wrong from error
        except (binascii.Error, BSONError) as error:
            raise wrong from error
        if not isinstance(said, dict):
            raise wrong
        given = cast(dict[str, Any], said)
        if (
            given.get("q") != self.digest
            or not {"v", "i"} <= given.keys()
            or None in map(_kind, (given["v"], given["i"]))
        ):
            raise wrong
        return given["v"], given["i"]


def condition(text: str) -> Document:
    """One filter as MongoDB takes it; what looks like a number or a time may also be the text that it is.

    More or less than a number is a number only: every word is more than `4.5`, as texts are compared.

    Raises:
        UsageError: It is none.
    """
    parts = FILTER.fullmatch(text)
    if not parts:
        raise UsageError(f"{text!r} is no filter", hint="write it as amount>=100, currency=EUR or merchant!=null")
    field, sign, value = parts.groups()
    meant = candidates(value)
    if field == "_id" and ObjectId.is_valid(value):
        meant.append(ObjectId(value))
    if sign in ("=", "!="):
        return {field: {OPERATORS[sign]: meant}}
    numbers = [each for each in meant if _kind(each) == "number"]
    if not numbers:
        return {"$or": _each(field, sign, meant)}
    # A fraction is meant both as the double and as the decimal, which differ by a hair: neither may let the limit in.
    return {"$or" if "=" in sign else "$and": _each(field, sign, numbers)}


def candidates(text: str) -> list[Any]:
    """All that a written value may mean: `10` is a number and a text, `"10"` is only a text."""
    try:
        read = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return [text, *_moment(text)]
    if isinstance(read, bool) or read is None:
        return [read]
    if isinstance(read, int | float):
        return [*_number(read, text), text]
    return [read if isinstance(read, str) else text]


def _number(read: float, text: str) -> list[Any]:
    if isinstance(read, float):
        return [read, *_decimal(text)]
    return [read] if read in INT64 else _decimal(text)


def _moment(text: str) -> list[datetime]:
    try:
        at = datetime.fromisoformat(text) if MOMENT.fullmatch(text) else None
    except ValueError:
        return []
    return [at if at.tzinfo else at.replace(tzinfo=UTC)] if at else []


def _decimal(text: str) -> list[Decimal128]:
    try:
        return [Decimal128(text)]
    except (ArithmeticError, ValueError):  # more digits than it has
        return []


def _each(field: str, sign: str, values: Sequence[Any]) -> list[Document]:
    return [{field: {OPERATORS[sign]: each}} for each in values]


def beyond(field: str, value: Any, *, descending: bool) -> list[Document]:
    """The documents whose field comes after a value, in MongoDB's order of types: one of these holds.

    `$gt` and `$lt` compare within one type only, so the types that follow are named.
    """
    kind = _kind(value)
    names = [name for name, _ in TYPES]
    at = names.index(kind) if kind else 0
    rest = names[:at] if descending else names[at + 1 :]
    found: list[Document] = [] if value is None else [{field: {"$lt" if descending else "$gt": value}}]
    if others := [name for name in rest if name != "null"]:
        found.append({field: {"$type": others}})
    if "null" in rest:
        found.append({field: None})  # also where the field is missing
    return found or [{"_id": {"$in": []}}]  # nothing comes before what is not there


def _kind(value: Any) -> str | None:
    """The name of a value's type; None for what cannot be sorted by."""
    if isinstance(value, bool):
        return "bool"
    return next((name for name, types in TYPES if isinstance(value, types)), None)


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """The value of a field; None where it is missing."""
    here: Any = document
    for part in path.split("."):
        if not isinstance(here, Mapping):
            return None
        here = cast(Mapping[str, Any], here).get(part)
    return here


def projected(document: Document, fields: Sequence[str]) -> Document:
    """Only these fields of a document, and always its `_id`."""
    if not fields:
        return document
    found: Document = {"_id": document.get("_id")}
    for field in fields:
        *above, name = field.split(".")
        parent = value_at(document, ".".join(above)) if above else document
        if isinstance(parent, Mapping) and name in parent:
            here = found
            for part in above:
                here = here.setdefault(part, {})
            here[name] = cast(Mapping[str, Any], parent)[name]
    return found


def plain(value: Any) -> Any:
    """A document as JSON has it: times as ISO 8601, decimals and ids as text."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list):
        return [plain(each) for each in cast(list[Any], value)]
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, bytes):
        return urlsafe_b64encode(value).decode()
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
