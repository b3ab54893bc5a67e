"""Entries: what the ledger of a table says, read from the commits that made it. Pure."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter

from jobs.errors import JobError
from jobs.windows import Window


def _software() -> str:
    try:
        return version("headrace")
    except PackageNotFoundError:  # an image holds the folders, not the package
        return os.environ.get("HEADRACE_VERSION", "that of the image")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Entry:
    """One line of a table's ledger, written in the same commit as the rows it speaks of.

    Args:
        sequence: Its number: 1, 2, 3 without a hole; also the column `load` of its rows.
        run: The run of the workflow that wrote it.
        windows: What it took from the topic (bronze).
        topic_id: Which topic that was: a topic made again has another id (bronze).
        expired: What the topic no longer held when it was to be taken (bronze).
        skipped: What lay before a range and was left for later (bronze).
        through: The last entry of the layer below that is included (silver, gold).
        below: The `id` of that entry: a layer made anew has others.
        counts: What became of the records that did not become rows.
        rows: How many rows it wrote, as Delta counted them.
        redone: What it did again (silver, gold): its rows take the place of those that these windows had.
        removed: How many rows that were (silver).
        periods: The periods of those rows, which gold must build again (silver).
        why: Why it was done again.
        once: What this is called; under one name a thing is done again once.
        whole: Whether its checksum is of all rows of the layer below, not of those that were new to it (gold).
        id: What tells this entry from that of another run which tried the same number.
        anew: Whether it replaced the whole table, so that the entries before it are only history.
        checksum: A fingerprint of the rows that it read from the layer below, whatever their order (silver, gold).
        software: The version of Headrace that wrote it.
        begun: When its job began to work on it.
        ended: When it was committed.
        version: The version of the Delta table that it made.
        engine: The versions of Spark and Delta that wrote it.
    """

    sequence: int
    run: str = field(default_factory=lambda: os.environ.get("HEADRACE_RUN", "by hand"))
    windows: list[Window] = field(default_factory=list[Window])
    topic_id: str = ""
    expired: list[Window] = field(default_factory=list[Window])
    skipped: list[Window] = field(default_factory=list[Window])
    through: int = 0
    below: str = ""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    rows: int = 0
    redone: list[Window] = field(default_factory=list[Window])
    removed: int = 0
    periods: list[str] = field(default_factory=list[str])
    why: str = ""
    once: str = ""
    whole: bool = False
    id: str = field(default_factory=lambda: uuid4().hex)
    anew: bool = False
    checksum: str = ""
    software: str = field(default_factory=_software)
    begun: datetime | None = field(default_factory=_now)
    ended: datetime | None = None
    version: int = -1
    engine: str = ""


ENTRY = TypeAdapter(Entry)
BY_COMMIT = {"rows", "ended", "version", "engine"}
"""What the commit itself says of an entry."""

UNSAID = {"run": "not said", "id": "", "software": "", "begun": None}
"""What entries of before did not say, and must not be made up when they are read."""


@dataclass(frozen=True)
class Commit:
    """One commit of a table, as its history tells it.

    Args:
        version: The version that it made.
        at: When, in milliseconds since 1970.
        operation: What Delta calls it: WRITE, OPTIMIZE, DELETE, RESTORE.
        parameters: What it was done with, each as JSON.
        metadata: The entry, or None.
        rows: How many rows it wrote.
        engine: Which versions wrote it.
    """

    version: int
    at: int
    operation: str
    parameters: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    metadata: str | None = None
    rows: int = 0
    engine: str = ""


PARAMETERS = TypeAdapter(dict[str, str | None])  # a VACUUM leaves some empty

KEEPS_ROWS = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "REORG")
"""What leaves the rows as they are: it needs no entry."""


def dump(entry: Entry) -> str:
    """An entry as it is written into its commit."""
    return ENTRY.dump_json(entry, exclude=BY_COMMIT).decode()


def entries(commits: Iterable[Commit]) -> list[Entry]:
    """The entries among the commits, in their order; also those of an older shape."""
    return [_entry(commit) for commit in commits if commit.metadata is not None]


def _entry(commit: Commit) -> Entry:
    given: dict[str, Any] = TypeAdapter(dict[str, Any]).validate_json(commit.metadata or "{}")
    said = {
        "rows": commit.rows,
        "ended": datetime.fromtimestamp(commit.at / 1000, UTC),
        "version": commit.version,
        "engine": commit.engine,
    }
    return ENTRY.validate_python({**UNSAID, **given, **said})


def checksum(hashes: Iterable[int]) -> str:
    """The fingerprints of several sets of rows as one, in 16 hexadecimal digits."""
    together = 0
    for each in hashes:
        together ^= each
    return f"{together & (1 << 64) - 1:016X}"


def strangers(commits: Iterable[Commit]) -> list[Commit]:
    """The commits that may have changed rows without an entry and were not undone since.

    A RESTORE to version `v` undoes what came after it; as it undoes entries, too, it must not go behind one. An entry
    that made the table anew leaves nothing of what was before.
    """
    found: list[Commit] = []
    last = -1  # version of the last entry
    for commit in commits:
        if commit.metadata is not None:
            last = commit.version
            found = [] if _entry(commit).anew else found
        elif commit.operation == "RESTORE":
            to = int(str(commit.parameters.get("version", "-1")).strip('"') or -1)
            found = [each for each in found if each.version <= to]
            if to < last:
                found.append(commit)
        elif commit.operation not in KEEPS_ROWS:
            found.append(commit)
    return found


def current(ledger: list[Entry]) -> list[Entry]:
    """The entries that speak of the rows that are there now: the last one that made the table anew, and on."""
    first = max((number for number, each in enumerate(ledger) if each.anew), default=0)
    return ledger[first:]


def included(name: str, ledger: list[Entry], below: list[Entry]) -> int:
    """The last entry of the layer below that a table includes; 0 if it includes none.

    Raises:
        JobError: The layer below is not the one that the table was made from.
    """
    if not ledger:
        return 0
    last = ledger[-1]
    if last.through > len(below) or (last.below and below[last.through - 1].id != last.below):
        raise JobError(
            f"{name} was made from a table that is no longer there: entry {last.through} below it is another one",
            hint=f"make {name} anew from what is there now with --rebuild, or move it away and run the job again",
        )
    return last.through
