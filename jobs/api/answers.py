"""The shapes of what the API answers; what the jobs already have a shape for is in there as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fastapi.responses import Response
from pydantic_core import to_json

from jobs.api.ledgers import Other
from jobs.api.letters import Dead
from jobs.api.runs import Run
from jobs.api.sources import Part
from jobs.connectors.states import State
from jobs.findings import Finding, Verdict
from jobs.groups.lag import Lag
from jobs.shown import Shown


@dataclass(frozen=True)
class Health:
    """The process answers."""

    status: Literal["ok"] = "ok"


@dataclass(frozen=True)
class Ready:
    """Which services answer; `missing` when one that is configured does not."""

    status: Literal["ok", "missing"]
    parts: Sequence[Part]


@dataclass(frozen=True)
class Pipeline:
    """What `health check` sees: the worst verdict, every finding, the connectors from worst to best, and the lags.

    Args:
        at: When it was looked at.
        seconds: How long looking took.
        verdict: The worst of the findings.
        findings: What was found.
        connectors: The connectors, the worst first.
        lags: How far each group is behind, the one that loses something first.
    """

    at: datetime
    seconds: float
    verdict: Verdict
    findings: Sequence[Finding]
    connectors: Sequence[State]
    lags: Sequence[Lag]


@dataclass(frozen=True)
class Runs:
    """Runs of workflows, the newest first; `next` goes into `after` for those that follow."""

    at: datetime
    items: Sequence[Run]
    next: str | None


@dataclass(frozen=True)
class Ledger:
    """The tables' ledgers."""

    at: datetime
    topics: Sequence[Shown]
    tables: Sequence[Other]


@dataclass(frozen=True)
class DeadLetters:
    """Dead letters by topic and reason."""

    at: datetime
    items: Sequence[Dead]


@dataclass(frozen=True)
class NewestAlerts:
    """The newest alerts of the model, as their topic has them."""

    at: datetime
    topic: str
    exists: bool
    items: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Collection:
    """One collection of documents, and the fields by which it can be sorted."""

    name: str
    sortable: Sequence[str]


@dataclass(frozen=True)
class Collections:
    """The collections of documents."""

    items: Sequence[Collection]


@dataclass(frozen=True)
class Page:
    """Documents in the order that was asked for; `next` goes into `cursor` for those that follow."""

    items: Sequence[dict[str, Any]]
    next: str | None


def answer(value: object, status: int = 200) -> Response:
    """An answer in JSON; what is no number in JSON is null."""
    return Response(to_json(value, inf_nan_mode="null"), status, media_type="application/json")
