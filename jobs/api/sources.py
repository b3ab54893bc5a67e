"""What the API reads, and how: each source may be missing, and then says so itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from jobs import kafka, settings
from jobs.api import alerts, ledgers, letters, runs
from jobs.api.alerts import Alerts
from jobs.api.kept import Kept
from jobs.api.ledgers import Bounds, Lake, Ledgers
from jobs.api.letters import Dead
from jobs.api.mongo import Documents, Mongo
from jobs.api.runs import Run
from jobs.errors import JobError
from jobs.health.looking import Limits, Looked, look

ENTRIES = 100
"""Of each table, how many entries of its ledger are kept at hand."""

ALERTS = 1_000
"""How many alerts are kept at hand."""


@dataclass(frozen=True)
class Part:
    """One service that the API reads from.

    Args:
        name: kafka, connect, lake, mongodb or runs.
        state: ok, missing (it does not answer), or off (nothing says where it is).
    """

    name: str
    state: Literal["ok", "missing", "off"]


@dataclass(frozen=True)
class Sources:
    """Where every answer comes from.

    Args:
        look: The cluster, the connectors and the groups.
        runs: The runs of workflows, the newest first.
        ledgers: The tables' ledgers, with their newest entries.
        letters: Dead letters by topic and reason.
        alerts: The newest alerts of the model.
        documents: The documents; None if nothing says where they are.
        parts: Which services answer.
    """

    look: Kept[Looked]
    runs: Kept[list[Run]]
    ledgers: Kept[Ledgers]
    letters: Kept[tuple[Dead, ...]]
    alerts: Kept[Alerts]
    documents: Documents | None
    parts: Kept[tuple[Part, ...]]

    def begin(self) -> None:
        """Read what takes long before somebody asks for it."""
        for each in (self.look, self.ledgers, self.letters, self.alerts):
            each.begin()


def real(*, every: float, connect: bool, topic: str) -> Sources:
    """The services that the environment names.

    Args:
        every: How many seconds what was read is good for.
        connect: Whether there is a Kafka Connect.
        topic: The topic of alerts.
    """
    lake, documents, files, dead = _lake(), _documents(), runs.Runs(runs.folder()), letters.Letters()
    looked = Kept(partial(look, Limits(), connect=connect, repair=False), every)
    return Sources(
        look=looked,
        runs=Kept(files.all, 1),
        ledgers=Kept(lambda: _ledgers(lake), every),
        letters=Kept(dead.all, every),
        alerts=Kept(lambda: alerts.newest(topic, ALERTS), min(every, 5)),
        documents=documents,
        parts=Kept(lambda: _parts(looked, lake, documents, connect=connect), min(every, 5)),
    )


def _parts(looked: Kept[Looked], lake: Lake | None, documents: Documents | None, *, connect: bool) -> tuple[Part, ...]:
    found = {each.check: each.verdict for each in looked.get().report.findings}
    first = looked.get().report.findings[0].verdict
    return (
        Part("kafka", "ok" if first == "ok" else "missing"),
        Part("connect", "off" if not connect else "ok" if found.get("connect") == "ok" else "missing"),
        Part("lake", _state(lake.reach if lake else None)),
        Part("mongodb", _state(documents.reach if documents else None)),
    )


def _state(reach: Callable[[], None] | None) -> Literal["ok", "missing", "off"]:
    if reach is None:
        return "off"
    try:
        reach()
    except JobError:
        return "missing"
    return "ok"


def _lake() -> Lake | None:
    try:
        return Lake(settings.load(settings.Lake).uri)
    except JobError:
        return None


def _documents() -> Documents | None:
    try:
        return Mongo.at(settings.load(settings.MongoDB))
    except JobError:
        return None


def _ledgers(lake: Lake | None) -> Ledgers:
    if lake is None:
        settings.load(settings.Lake)  # says what is missing
        return Ledgers((), ())
    return ledgers.summary(lake.histories(), _available, ENTRIES)


def _available(topic: str) -> Bounds | None:
    try:
        return kafka.watermarks(topic)
    except JobError:  # the topic may be gone, its tables are not
        return None
