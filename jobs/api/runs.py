"""Runs of workflows, read from their run.json (flows/record.py writes it as a run goes)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from jobs.kafka.who import Who, is_alive, is_dead

MESSAGE = 500  # characters of why a step failed


class _Outcome(BaseModel):
    name: str
    status: str
    exit_status: int | None = None
    seconds: float = 0.0
    message: str = ""
    tries: int = 1


class _Entry(BaseModel):
    outcome: _Outcome
    begun: datetime
    ended: datetime | None = None


class _File(BaseModel):
    """What this reads of a run.json; its steps' results may be long, and are left out."""

    run: str
    workflow: str
    status: str
    begun: datetime
    ended: datetime | None = None
    attempts: int = 1
    parameters: dict[str, str] = {}
    by: Who
    steps: list[_Entry] = []


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Args:
        name: Its name.
        status: Running, Succeeded, Failed, Skipped or Omitted.
        begun: When it was begun first.
        ended: When it ended, if it has.
        seconds: How long its last try took.
        tries: How often it was begun.
        exit_status: Of its process; below 0 is the signal that ended it.
        message: Why it failed, at most 500 characters.
    """

    name: str
    status: str
    begun: datetime
    ended: datetime | None
    seconds: float
    tries: int
    exit_status: int | None
    message: str


@dataclass(frozen=True)
class Run:
    """One run of a workflow.

    Args:
        run: Its name.
        workflow: What was run.
        status: Running, Succeeded, Failed, or Died: its file says Running, and its process is gone.
        begun: When it was begun first.
        ended: When it ended last.
        seconds: From the one to the other, or until now.
        attempts: How often it was begun.
        parameters: The workflow's parameters.
        steps: Its steps in the order in which they were begun.
    """

    run: str
    workflow: str
    status: str
    begun: datetime
    ended: datetime | None
    seconds: float
    attempts: int
    parameters: dict[str, str]
    steps: tuple[Step, ...]


class Runs:
    """The runs of a state folder; a file that did not change is not read again.

    Args:
        folder: Where they are, one folder a run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[int, _File]] = {}

    def all(self) -> list[Run]:
        """All of them, the newest first; a file that cannot be read is left out."""
        known = {path: found for path in self._paths() if (found := self._file(path))}
        self._read = known
        return sorted((_run(file) for _, file in known.values()), key=lambda each: (each.begun, each.run), reverse=True)

    def _paths(self) -> Iterable[Path]:
        return self.folder.glob("*/run.json")

    def _file(self, path: Path) -> tuple[int, _File] | None:
        try:
            changed = path.stat().st_mtime_ns
            known = self._read.get(path)
            if known and known[0] == changed:
                return known
            return changed, _File.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):  # deleted meanwhile, or not one of ours
            return None


def folder() -> Path:
    """Where the runs of this state folder are."""
    return Path(os.environ.get("HEADRACE_STATE", ".state"), "runs")


def _run(file: _File) -> Run:
    died = file.status == "Running" and is_dead(file.by) and not is_alive(file.by)
    until = file.ended or max([each.ended or each.begun for each in file.steps] or [file.begun])
    until = until if file.ended or died else datetime.now(UTC)
    return Run(
        file.run,
        file.workflow,
        "Died" if died else file.status,
        file.begun,
        file.ended,
        round((until - file.begun).total_seconds(), 1),
        file.attempts,
        file.parameters,
        tuple(_step(each) for each in file.steps),
    )


def _step(entry: _Entry) -> Step:
    said = entry.outcome
    times = entry.begun, entry.ended, round(said.seconds, 1)
    return Step(said.name, said.status, *times, said.tries, said.exit_status, said.message[:MESSAGE])
