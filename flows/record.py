"""`run.json`: what a run of a workflow was given and what became of each step, written as it goes."""

import hashlib
import json
import os
import platform
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hera.workflows import models as argo
from pydantic import BaseModel, ValidationError

from flows.command import Outcome
from flows.dag import Step
from jobs.errors import JobError, UsageError
from jobs.kafka.who import Who, me

PACKAGES = ("headrace", "hera", "prefect")
SETTLED = ("Succeeded", "Skipped", "Omitted")


class Entry(BaseModel):
    """One step: how it ended, and when it began and ended; Running until then."""

    outcome: Outcome
    begun: datetime
    ended: datetime | None = None


class Record(BaseModel):
    """A run, as its file says.

    Args:
        run: Its name, which is also the file's folder.
        workflow: What was run.
        digest: A hash of the rendered workflow: a changed one cannot be taken up in the middle.
        parameters: The workflow's parameters.
        status: Running, Succeeded or Failed.
        begun: When it was begun first.
        ended: When it ended last.
        attempts: How often it was begun: each retry is one.
        versions: What ran it.
        by: The process that runs it.
        steps: The steps in the order in which they were begun.
    """

    run: str
    workflow: str
    digest: str
    parameters: dict[str, str]
    status: str = "Running"
    begun: datetime
    ended: datetime | None = None
    attempts: int = 1
    versions: dict[str, str]
    by: Who
    steps: list[Entry] = []


class Recorder:
    """Keeps the file of one run up to date; whoever reads it sees it whole.

    Args:
        record: The run as it begins.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.lock = threading.Lock()  # steps run side by side
        self._write()

    def begin(self, name: str) -> None:
        """A step begins, or is tried again."""
        with self.lock:
            self._put(Entry(outcome=Outcome(name, "Running"), begun=_now()))

    def end(self, outcome: Outcome) -> None:
        """A step has ended."""
        with self.lock:
            known = next((each for each in self.record.steps if each.outcome.name == outcome.name), None)
            self._put(Entry(outcome=outcome, begun=known.begun if known else _now(), ended=_now()))

    def finish(self, status: str) -> None:
        """The run has ended."""
        with self.lock:
            self.record.status, self.record.ended = status, _now()
            self._write()

    def _put(self, entry: Entry) -> None:
        names = [each.outcome.name for each in self.record.steps]
        if entry.outcome.name in names:
            self.record.steps[names.index(entry.outcome.name)] = entry
        else:
            self.record.steps.append(entry)
        self._write()

    def _write(self) -> None:
        path = file(self.record.run)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.write_text(self.record.model_dump_json(indent=1) + "\n")
        new.replace(path)


def folder() -> Path:
    """Where the runs of this state folder are."""
    return Path(os.environ.get("HEADRACE_STATE", ".state"), "runs")


def file(run: str) -> Path:
    """The file of a run."""
    return folder() / run / "run.json"


def read(run: str) -> Record:
    """What is known of a run.

    Raises:
        UsageError: There is none of that name.
        JobError: Its file cannot be read.
    """
    try:
        return Record.model_validate_json(file(run).read_text())
    except FileNotFoundError as error:
        newest = sorted(folder().glob("*/run.json"), key=lambda each: -each.stat().st_mtime)[:5]
        known = ", ".join(each.parent.name for each in newest) or "none"
        raise UsageError(f"there is no run {run} in {folder()}; the newest are: {known}") from error
    except ValidationError as error:
        raise JobError(f"{file(run)} cannot be read: {error}", hint="headrace run WORKFLOW") from error


def begun(workflow: argo.WorkflowTemplate, run: str, parameters: Mapping[str, str]) -> Record:
    """A run that begins now."""
    return Record(
        run=run,
        workflow=str(workflow.metadata.name),
        digest=digest(workflow),
        parameters=dict(parameters),
        begun=_now(),
        versions=_versions(),
        by=me(f"run {run}"),
    )


def again(before: Record, kept: Mapping[str, Outcome]) -> Record:
    """The same run, begun once more with the steps that are kept."""
    changed = {
        "status": "Running",
        "ended": None,
        "attempts": before.attempts + 1,
        "versions": _versions(),
        "by": me(f"run {before.run}"),
        "steps": [each for each in before.steps if each.outcome.name in kept],
    }
    return before.model_copy(update=changed)


def keep(steps: Iterable[Step], before: Record) -> dict[str, Outcome]:
    """The outcomes that a retry takes as they are: of all steps that neither failed nor come after one that did.

    Args:
        steps: The tasks, each after those that it depends on.
        before: The run; of a step with items, those that succeeded are kept.
    """
    known = {each.outcome.name: each.outcome for each in before.steps}
    kept: dict[str, Outcome] = {}
    redone: set[str] = set()
    for step in steps:
        own = [each for name, each in known.items() if name == step.name or name.startswith(f"{step.name}(")]
        settled = [each for each in own if each.status in SETTLED]
        if redone & step.after:
            redone.add(step.name)
            continue
        if not own or len(settled) < len(own):
            redone.add(step.name)
        kept.update({each.name: each for each in settled})
    return kept


def digest(workflow: argo.WorkflowTemplate) -> str:
    """A hash of a rendered workflow."""
    text = json.dumps(workflow.model_dump(mode="json", exclude_none=True), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an image holds the folders, not the package
            found[package] = os.environ.get("HEADRACE_VERSION", "that of the image")
    return found


def _now() -> datetime:
    return datetime.now(UTC)
