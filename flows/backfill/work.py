"""The work of one window: the steps of the workflow `redo`, on this machine or on a cluster."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Lock
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from hera.workflows import models as model
from prefect import get_run_logger

from flows import argo, command, dag
from flows.backfill.record import Backfill, Batch
from jobs.errors import JobError
from workflows import redo

TURN = 0.5  # seconds within which a wait for a table ends when it is told to
SAID = {"bronze": ("rows", "had"), "silver": ("rows", "redone", "dead"), "gold": ("periods", "rows")}
"""What of a job's result a person wants in the record."""

Stopped = Callable[[], bool]
_TABLES: defaultdict[str, Lock] = defaultdict(Lock)
"""A table takes one commit at a time: of windows at once, each has another table in hand."""


def do(found: Backfill, batch: Batch, stopped: Stopped) -> dict[str, int]:
    """Do the layers of a window one after the other, and return what the jobs said, by layer.

    Raises:
        CommandError: A step failed, on this machine.
        JobError: A Workflow did not succeed, or it was told to stop.
    """
    counts: dict[str, int] = {}
    for layer in found.layers(batch):
        with _turn(f"{layer}/{found.topic}", stopped):
            counts |= _on_argo(found, batch, layer, stopped) if found.on == "argo" else _here(found, batch, layer)
    return counts


@contextmanager
def _turn(table: str, stopped: Stopped) -> Generator[None, None, None]:
    while not _TABLES[table].acquire(timeout=TURN):
        if stopped():
            raise JobError("interrupted")
    try:
        yield
    finally:
        _TABLES[table].release()


def _here(found: Backfill, batch: Batch, layer: str) -> dict[str, int]:
    """The step of the workflow for a layer, by the command line of its container."""
    given = {f"workflow.parameters.{key}": value for key, value in found.arguments(batch, layer).items()}
    scope = {**given, "workflow.name": f"{found.name}/{batch.name}", "retries": "0"}
    counts: dict[str, int] = {}
    for step in dag.steps(cast(model.WorkflowTemplate, redo.workflow.build())):
        if step.holds(scope):
            done = command.run(step.name, step.command(scope), step.seconds)
            counts |= told(layer, done.result or "{}")
    return counts


def _on_argo(found: Backfill, batch: Batch, layer: str, stopped: Stopped) -> dict[str, int]:
    """The workflow on the cluster; a window that is taken up again finds the one that it submitted."""
    identity = uuid5(NAMESPACE_URL, f"headrace:{found.made}:{found.name}/{batch.name}/{layer}/{batch.tries}")
    log = get_run_logger()
    begun = time.monotonic()
    ended = asyncio.run(argo.carry("redo", found.arguments(batch, layer), identity, log.info, stopped))
    if ended.phase != "Succeeded":
        raise JobError(ended.verdict, result=ended)
    log.info("%s of window %s: %s after %.0f s", layer, batch.name, ended.workflow, time.monotonic() - begun)
    return {}


def told(layer: str, printed: str) -> dict[str, int]:
    """What a job said, as far as it is in the record."""
    said: dict[str, Any] = json.loads(printed)
    return {f"{layer} {name}": said[name] for name in SAID.get(layer, ()) if said.get(name)}
