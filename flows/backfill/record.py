"""The record of a backfill: what is to be done again and why, and what came of it. A file that is reviewed."""

import fcntl
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import yaml
from pydantic import Field
from rich.markup import escape

from jobs import declared
from jobs.declared import Strict
from jobs.errors import JobError, UsageError
from jobs.times import said

Table = Literal["all", "bronze", "silver", "gold"]
LAYERS: dict[Table, tuple[str, ...]] = {
    "all": ("bronze", "silver"),
    "bronze": ("bronze",),
    "silver": ("silver",),
    "gold": ("gold",),
}
"""What is done in each window; `all` builds gold once, at the end."""


class Batch(Strict):
    """One window of a backfill: offsets of several partitions that are done together.

    Args:
        name: Its number, or `end` for what follows the last.
        offsets: As `--offsets` takes them.
        records: How many offsets that are.
        state: How it stands.
        tries: How often it was begun.
        begun: When it was last begun.
        seconds: How long that took.
        counts: What the jobs said, by table.
        message: Why it failed.
    """

    name: str
    offsets: str
    records: int
    state: Literal["pending", "running", "done", "failed"] = "pending"
    tries: int = 0
    begun: str = ""
    seconds: float = 0.0
    counts: dict[str, int] = Field(default_factory=dict[str, int])
    message: str = ""


class Run(Strict):
    """One time that the backfill was run.

    Args:
        by: Who ran it.
        flow_run: Which flow run that was.
        begun: When.
        ended: How it ended; empty if it was killed, or still runs.
    """

    by: str
    flow_run: str
    begun: str
    ended: str = ""


class Backfill(Strict):
    """What is done again, why, how fast, and how it stands.

    Args:
        name: What it is called.
        reason: Why it is done.
        by: Who planned it.
        made: When.
        dataset: Whose rules.
        topic: Which topic's tables.
        topic_id: Which topic that was when it was planned.
        table: Which tables.
        range: The range as it was asked for.
        expired: What of it is gone, in words.
        bytes: About how many bytes of the topic that is.
        estimate: About how many seconds it will take; 0 is not known.
        rate: At most so many records a second, over all windows; 0 for no limit.
        concurrency: How many windows at once.
        max_lag: It pauses while a live group is further behind, as 60s or as a number of records.
        max_failed: No window is begun once so many have failed.
        on: Where windows are done: on this machine, or by Argo on a cluster.
        windows: The windows, in order.
        end: What follows the last one: gold, and the proof; None if nothing does.
        runs: When it was run.
    """

    name: str
    reason: str
    by: str
    made: str
    dataset: str
    topic: str
    topic_id: str
    table: Table
    range: str
    expired: list[str] = Field(default_factory=list[str])
    bytes: int = 0
    estimate: float = 0.0
    rate: int = 0
    concurrency: int = 1
    max_lag: str = "60s"
    max_failed: int = 3
    on: Literal["local", "argo"] = "local"
    windows: list[Batch]
    end: Batch | None = None
    runs: list[Run] = Field(default_factory=list[Run])

    @property
    def all(self) -> list[Batch]:
        """The windows, and the end."""
        return [*self.windows, *([self.end] if self.end else [])]

    @property
    def records(self) -> int:
        """How many offsets."""
        return sum(each.records for each in self.windows)

    def count(self, state: str) -> int:
        """How many windows stand so."""
        return sum(each.state == state for each in self.all)

    def todo(self, *, failed: bool) -> list[Batch]:
        """The windows that a run begins: those never done; those that were begun and killed, too."""
        states = ("pending", "running", "failed") if failed else ("pending", "running")
        return [each for each in self.windows if each.state in states]

    def layers(self, batch: Batch) -> tuple[str, ...]:
        """What is done in a window, in order; at the end gold, and the proof."""
        return ("gold", "verify") if batch.name == "end" else LAYERS[self.table]

    def arguments(self, batch: Batch, layer: str) -> dict[str, str]:
        """What the workflow `redo` is given for one layer of a window."""
        return {
            "topic": self.topic,
            "dataset": self.dataset,
            "offsets": batch.offsets,
            "why": self.reason,
            "once": f"{self.name}/{batch.name}",
            **{each: "yes" if each == layer else "no" for each in ("bronze", "silver", "gold", "verify")},
        }

    def text(self) -> str:
        """What a person wants to know of it."""
        size = f"{self.bytes / 1e6:,.1f} MB" if self.bytes else "bytes not known"
        time = f"about {said(self.estimate)}" if self.estimate else "time not known: nothing like it was done before"
        lines = [
            f"{escape(self.name)}: {escape(self.reason)} ({escape(self.by)}, {self.made})",
            f"  {self.table} of {escape(self.topic)}, {escape(self.range)}, on {self.on}",
            f"  {len(self.windows)} windows, {self.records:,} records, {size}, {time}",
            f"  at most {self.rate or 'any number of'} records a second, {self.concurrency} at once,"
            f" pauses while a live group is more than {self.max_lag} behind",
            *(f"  [yellow]! {escape(each)} expired[/yellow]" for each in self.expired),
            *_lines(self.all),
            ", ".join(f"{self.count(state)} {state}" for state in ("done", "running", "failed", "pending")),
        ]
        return "\n".join(lines)


SHOWN = 20  # windows that a person reads


def _lines(batches: list[Batch]) -> Iterable[str]:
    for each in batches[:SHOWN]:
        counts = ", ".join(f"{name} {count:,}" for name, count in each.counts.items())
        more = f"  {counts}" if counts else ""
        why = f"  [red]{escape(each.message)}[/red]" if each.message else ""
        mark = {"done": "[green]✔[/green]", "failed": "[red]✘[/red]", "running": "~", "pending": "+"}[each.state]
        yield f"{mark} {each.name:<6}{each.records:>12,} records  {each.offsets[:80]}{more}{why}"
    if len(batches) > SHOWN:
        yield f"  and {len(batches) - SHOWN} more"


def folder() -> Path:
    """Where the records are: `HEADRACE_BACKFILLS`, or `backfills` in this repository."""
    return Path(os.environ.get("HEADRACE_BACKFILLS", Path(__file__).parents[2] / "backfills")).absolute()


def read(name: str) -> Backfill:
    """The record of that name.

    Raises:
        UsageError: There is none, or it is not one; every line at fault is named.
    """
    path = folder() / f"{name}.yaml"
    if not path.is_file():
        there = ", ".join(each.stem for each in sorted(folder().glob("*.yaml"))) or "none"
        raise UsageError(f"there is no backfill {name} in {folder()}; there is: {there}", hint="headrace backfill list")
    return declared.read(path, Backfill).value


def write(record: Backfill) -> Path:
    """Write a record whole: whoever reads it meanwhile sees it as it was before, or as it is now."""
    path = folder() / f"{record.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# Review it, commit it, then: headrace backfill run {record.name}\n"
    content: dict[str, Any] = record.model_dump(exclude_defaults=True)
    new = path.with_suffix(".new")
    new.write_text(head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
    new.replace(path)
    return path


@contextmanager
def held(name: str) -> Generator["Book", None, None]:
    """The record of that name, for the one process that may run it; a killed one lets go of it.

    Raises:
        JobError: Another process runs it.
        UsageError: There is no such record.
    """
    read(name)  # before a lock is made for a name that is wrong
    with (folder() / f".{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = f"headrace backfill show {name}"
            raise JobError(f"backfill {name} is run by another process now", hint=hint) from error
        yield Book(read(name))  # as whoever held it last left it


def is_held(name: str) -> bool:
    """Whether a process of this machine runs it now."""
    try:
        with held(name):
            return False
    except JobError as error:
        if isinstance(error, UsageError):
            raise
        return True


class Book:
    """A record that is written at each change.

    Args:
        record: As it was read.
    """

    def __init__(self, record: Backfill) -> None:
        self.record = record
        self._lock = Lock()
        self._before = record.count("failed")

    def begin(self, run: Run, *, failed: bool) -> list[Batch]:
        """Note that a run begins, and return the windows that it does; failed ones among them stand anew."""
        for each in self.record.todo(failed=failed):
            if each.state == "failed":
                self.note(each.name, state="pending")
        self._before = self.record.count("failed")
        self.change(runs=[*self.record.runs, run])
        return self.record.todo(failed=False)

    @property
    def failures(self) -> int:
        """How many windows have failed in this run."""
        return self.record.count("failed") - self._before

    def change(self, **changes: object) -> None:
        """Change the record itself."""
        with self._lock:
            self.record = self.record.model_copy(update=changes)
            write(self.record)

    def note(self, batch: str, **changes: object) -> None:
        """Change one window, or the end."""
        with self._lock:
            windows = [each.model_copy(update=changes) if each.name == batch else each for each in self.record.windows]
            end = self.record.end
            if end and end.name == batch:
                end = end.model_copy(update=changes)
            self.record = self.record.model_copy(update={"windows": windows, "end": end})
            write(self.record)

    def batch(self, name: str) -> Batch:
        """One window as it stands."""
        return next(each for each in self.record.all if each.name == name)
