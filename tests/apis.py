"""An API over sources that hold what a test puts into them."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import Decimal128
from fastapi import FastAPI
from fastapi.testclient import TestClient
from limits import parse
from schemathesis.config import SchemathesisConfig

from jobs.api.alerts import Alerts
from jobs.api.app import application
from jobs.api.documents import TYPES, value_at
from jobs.api.door import Door, Rate
from jobs.api.kept import Kept
from jobs.api.ledgers import Ledgers, Other
from jobs.api.letters import Dead
from jobs.api.runs import Run, Step
from jobs.api.sources import Part, Sources
from jobs.connectors.states import State
from jobs.dlq import Reason
from jobs.errors import JobError
from jobs.findings import Finding, report
from jobs.groups.lag import Lag
from jobs.health.looking import Looked
from jobs.keys import Keys, digest
from jobs.shown import Layer, Line, Shown

EXAMPLES = int(os.environ.get("API_EXAMPLES", "25"))
KEY = "a-key-of-tests"
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
Document = dict[str, Any]

STEPS = (
    Step("bronze-load", "Succeeded", AT, AT, 31.9, 1, 0, ""),
    Step("silver-clean", "Failed", AT, AT, 2.0, 3, 1, "error: <b>it broke</b>"),
)
RUNS = [
    Run(
        f"messages-{number}",
        "messages",
        "Failed" if number == 3 else "Succeeded",
        AT,
        AT,
        60.0,
        1,
        {"topic": "t"},
        STEPS,
    )
    for number in range(9, 0, -1)
]
LINE = Line(
    1, AT, 3.0, "messages-1", "0:0..10", 10, 1, 0, 0, anew=False, version=0, checksum="", software="1", engine=""
)
SHOWN = Shown("messages", [Layer("bronze/messages", 2, 20, 5, [LINE, LINE]), Layer("gold/messages", 1, -1, 0, [LINE])])
LOOKED = Looked(
    report([Finding("reach", "ok", "1 broker"), Finding("connect", "fail", "no answer", "make up")]),
    (
        State("good", "RUNNING", "sink", "1/1", "2026-11-22T09:00:00+00:00"),
        State("bad", "FAILED", "source", "0/1", "", "x"),
    ),
    (Lag("g", "messages", 1, 5, 12.5, 90.0, 0, 0), Lag("h", "messages", 0, 0, 0.0, None, 0, 0)),
)
DEAD = Dead("messages.dlq", 3, 1, (Reason("no JSON", 3, 1, "", "", "messages/0/1"),), 0)
ALERT = {"id": "demo/3/12", "said": "dos", "probability": 0.97, "scored": 1795341600000}


class Memory:
    """Documents in memory, asked and sorted as MongoDB does it."""

    def __init__(self, **collections: Sequence[Document]) -> None:
        self.held = collections
        self.indexed = {"_id", "amount", "when"}

    def reach(self) -> None:
        pass

    def collections(self) -> list[str]:
        return sorted(self.held)

    def sortable(self, collection: str) -> set[str]:  # noqa: ARG002 - all have the same
        return self.indexed

    def find(
        self, collection: str, condition: Document, order: Sequence[tuple[str, int]], limit: int, fields: Sequence[str]
    ) -> list[Document]:
        assert not fields or "_id" in fields
        found = [each for each in self.held.get(collection, ()) if holds(condition, each)]
        for field, way in reversed(order):
            found.sort(key=lambda each, field=field: rank(value_at(each, field)), reverse=way < 0)
        return found[:limit]


def rank(value: Any) -> tuple[int, Any]:
    """Where a value is sorted: by its type first."""
    names = [name for name, _ in TYPES]
    if isinstance(value, bool):
        return names.index("bool"), value
    place = next(number for number, (_, types) in enumerate(TYPES) if isinstance(value, types))
    return place, 0 if value is None else exact(value)


def kind(value: Any) -> str:
    return TYPES[rank(value)[0]][0]


def holds(condition: Mapping[str, Any], document: Document) -> bool:
    """Whether a document meets a condition, for the operators that the API writes."""
    for name, asked in condition.items():
        if name in ("$and", "$or"):
            parts = [holds(each, document) for each in asked]
            if not (all(parts) if name == "$and" else any(parts)):
                return False
            continue
        value = value_at(document, name)
        wanted = asked if isinstance(asked, dict) else {"$in": [asked]}
        if not all(OPERATORS[operator](value, each) for operator, each in wanted.items()):
            return False
    return True


def _compared(way: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, asked: kind(value) == kind(asked) and value is not None and way(exact(value), exact(asked))


def _same(value: Any, asked: Iterable[Any]) -> bool:
    return any(kind(value) == kind(each) and exact(value) == exact(each) for each in asked)


def exact(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, Decimal128) else value


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$in": _same,
    "$nin": lambda value, asked: not _same(value, asked),
    "$type": lambda value, asked: kind(value) in asked,
    "$gt": _compared(lambda value, asked: value > asked),
    "$gte": _compared(lambda value, asked: value >= asked),
    "$lt": _compared(lambda value, asked: value < asked),
    "$lte": _compared(lambda value, asked: value <= asked),
}


def failing() -> Any:
    raise JobError("Kafka at 127.0.0.1:9 cannot be used", hint="make up")


def sources(documents: Memory | None = None, **others: Callable[[], Any]) -> Sources:
    """Sources that hold one of each, but those that are given."""
    reads: dict[str, Callable[[], Any]] = {
        "look": lambda: LOOKED,
        "runs": lambda: RUNS,
        "ledgers": lambda: Ledgers((SHOWN,), (Other("scored/demo", 3, 4, "WRITE", 10, AT),)),
        "letters": lambda: (DEAD,),
        "alerts": lambda: Alerts("alerts", exists=True, total=2, items=(ALERT, {**ALERT, "said": "probe"})),
        "parts": lambda: (Part("kafka", "ok"), Part("mongodb", "off")),
    } | others
    return Sources(documents=documents, **{name: Kept(read, 1000) for name, read in reads.items()})  # type: ignore[arg-type]


def app(
    given: Sources | None = None, *, rate: str = "100000/second", wrong: str = "100000/second", **door: Any
) -> FastAPI:
    """The application, which lets in who has `KEY`."""
    door = door or {"keys": Keys(f"tests={digest(KEY)}")}
    return application(given or sources(Memory()), Door(Rate(parse(rate)), parse(wrong), **door))


def client(given: FastAPI | None = None, *, key: str = KEY) -> TestClient:
    """A client that shows a key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return TestClient(given or app(), headers=headers, raise_server_exceptions=False)


def fuzzing(*, security: bool = True) -> SchemathesisConfig:
    """`API_EXAMPLES` questions of each route; what looks like a cursor and is none is answered with 400."""
    accepted = {"positive_data_acceptance": {"expected-statuses": ["2xx", 400, 401, 404, 503]}}
    return SchemathesisConfig.from_dict(
        {"checks": accepted, "generation": {"max-examples": EXAMPLES, "with-security-parameters": security}}
    )
