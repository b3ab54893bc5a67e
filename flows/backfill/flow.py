"""The flow: the windows of a record as Prefect's tasks, each done once, however often it is killed and run again."""

import asyncio
import getpass
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from hera.workflows import models as model
from prefect import flow, get_client, get_run_logger, task
from prefect.client.schemas.objects import State, StateType, TaskRun
from prefect.context import TaskRunContext
from prefect.futures import wait
from prefect.runtime import flow_run as this_run
from prefect.states import Cancelled, Completed, Crashed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task, exponential_backoff

from flows import argo, command, dag
from flows.backfill import gate, planning, record
from flows.backfill.gate import Pace
from flows.backfill.record import Backfill, Batch, Book, Run, Table
from flows.command import CommandError
from jobs import kafka, settings
from jobs.errors import VERDICTS, JobError
from jobs.groups import actual
from workflows import redo

WATCH = 2.0  # seconds between two looks at whether the run was cancelled
RETRIES = 3


@flow(name="backfill", log_prints=False)
def backfill(
    *,
    name: str = "",
    retry: Literal["", "failed"] = "",
    dry_run: bool = True,
    dataset: str = "",
    reason: str = "",
    start: str = "",
    end: str = "",
    offsets: str = "",
    topic: str = "",
    table: Table = "all",
    window: str = "100000",
    rate: int = 0,
    concurrency: int = 1,
    max_lag: str = "60s",
    max_failed: int = 3,
    on_expired: Literal["fail", "clip"] = "fail",
    on: Literal["local", "argo"] = "local",
) -> State[Any]:
    """Do windows of a dataset again: those of a record that was planned, or of a range that is planned now.

    Args:
        name: The record to run; or what to call the new one.
        retry: `failed` does the windows that failed, too.
        dry_run: Only plan a new record and write it; it is run by its name.
        dataset: Whose rules; with it, a new record is planned.
        reason: Why it is done again.
        start: The first moment, such as 2026-01-01T10:00 (UTC).
        end: The moment before which it ends; now when empty.
        offsets: Instead of times: partition, first offset and end (exclusive), as 0:10-20,1:5-.
        topic: Which topic; that of the dataset's own pipeline when empty.
        table: Which tables; all is bronze and silver by window, then gold, then the proof.
        window: How long a window is, such as 1h, or how many records.
        rate: At most so many records a second; 0 for no limit.
        concurrency: How many windows at once.
        max_lag: Pause while a live group is further behind: 60s, or a number of records.
        max_failed: Begin no window once so many have failed.
        on_expired: Whether records that are gone stop the plan, or are left out.
        on: Do the windows on this machine, or as workflows of Argo.
    """
    settings.load_dotenv_file()
    if dataset:
        asked = planning.Asked(
            dataset, reason, start, end, offsets, topic, table, window, name, rate, concurrency, max_lag, max_failed,
            on_expired, on,
        )  # fmt: skip
        planned = planning.plan(asked)
        path = record.write(planned)
        get_run_logger().info("%s\n%s", path, planned.text())
        if dry_run:
            return Completed(message=f"planned: {path}", data=planned)
        name = planned.name
    with record.held(name) as book, command.ended_with_this_process(), _cancelled_by_the_ui():
        return _run(book, failed=retry == "failed")


def _run(book: Book, *, failed: bool) -> State[Any]:
    found = book.record
    if (now := kafka.topic_id(found.topic)) != found.topic_id:
        raise JobError(f"{found.topic} was made again since the plan: its id is {now}, not {found.topic_id}")
    _bury_the_killed(found)
    mine = Run(by=f"{getpass.getuser()}@{socket.gethostname()}", flow_run=str(this_run.id), begun=_now())
    book.change(runs=[*found.runs, mine])
    todo = found.todo(failed=failed)
    runner: Any = ThreadPoolTaskRunner(max_workers=found.concurrency)
    flow(name="windows", flow_run_name=found.name, task_runner=runner)(_walk)(book, todo)
    end = book.record.end
    if end and all(each.state == "done" for each in book.record.windows) and end.state != "done" and not command.ENDED:
        flow(name="windows", flow_run_name=f"{found.name}-end")(_walk)(book, [end])
    state = _ended(book.record)
    runs = [*book.record.runs[:-1], mine.model_copy(update={"ended": state.name or ""})]
    book.change(runs=runs)
    return state


def _ended(found: Backfill) -> State[Any]:
    said = ", ".join(f"{found.count(state)} {state}" for state in ("done", "failed", "pending"))
    if command.ENDED:
        return Cancelled(message=f"{found.name}: {said}; run it again, and it goes on", data=found)
    if found.count("done") == len(found.all):
        return Completed(message=f"{found.name}: {said}", data=found)
    return Failed(message=f"{found.name}: {said}", data=found)


def _walk(book: Book, todo: list[Batch]) -> None:
    """Do the windows in order, as many at once as the task runner takes."""
    pace = Pace(book.record.rate)
    wait([_task(each).submit(book, each.name, pace) for each in todo])


def _task(batch: Batch) -> Task[..., Any]:
    return task(
        name="window",
        task_run_name=batch.name,
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(backoff_factor=5),
        retry_condition_fn=_may_try_again,
        persist_result=False,
    )(_window)


def _window(book: Book, name: str, pace: Pace) -> State[Any]:
    """One window, once it is its turn: it is not begun after a cancellation, nor after too many failures."""
    found, batch, log = book.record, book.batch(name), get_run_logger()
    context = TaskRunContext.get()
    if not context or context.task_run.run_count <= 1:
        gate.wait_until(pace.turn(batch.records), _stopped)
        gate.wait_for_consumers(lambda: _late(found), found.max_lag, cast(Any, log), _stopped)
    if _stopped() or book.record.count("failed") >= found.max_failed:
        return Cancelled(name="NotBegun", message="cancelled, or too many windows failed")
    begun = time.monotonic()
    book.note(name, state="running", tries=batch.tries + 1, begun=_now(), message="")
    try:
        counts = _on_argo(found, batch) if found.on == "argo" else _here(found, batch)
    except (CommandError, JobError) as error:
        if _stopped():
            book.note(name, state="pending", message="interrupted")
            return Cancelled(message="interrupted")
        book.note(name, state="failed", seconds=_since(begun), message=str(error)[-500:])
        raise
    book.note(name, state="done", seconds=_since(begun), counts=counts)
    return Completed(message=f"{batch.records:,} records")


def _here(found: Backfill, batch: Batch) -> dict[str, int]:
    """The steps of the workflow `redo` one after the other, each the command line of its container."""
    given = {f"workflow.parameters.{key}": value for key, value in found.arguments(batch).items()}
    scope = {**given, "workflow.name": f"{found.name}/{batch.name}", "retries": "0"}
    counts: dict[str, int] = {}
    for step in dag.steps(cast(model.WorkflowTemplate, redo.workflow.build())):
        if step.holds(scope):
            done = command.run(step.name, step.command(scope), step.seconds)
            counts |= _counts(step.name, done.result or "{}")
    return counts


def _on_argo(found: Backfill, batch: Batch) -> dict[str, int]:
    """The workflow `redo` on the cluster; a window that is taken up again finds the one that it submitted."""
    identity = uuid5(NAMESPACE_URL, f"headrace:{found.made}:{found.name}/{batch.name}/{batch.tries}")
    log = get_run_logger()
    ended = asyncio.run(argo.carry("redo", found.arguments(batch), identity, log.info, _stopped))
    if ended.phase != "Succeeded":
        raise JobError(ended.verdict, result=ended)
    return {}


def _counts(step: str, printed: str) -> dict[str, int]:
    """What a job said, as far as a person wants it in the record."""
    layer = step.partition("-")[0]
    said: dict[str, Any] = json.loads(printed)
    names = {"bronze": ("rows", "had"), "silver": ("rows", "redone", "dead"), "gold": ("periods", "rows")}
    return {f"{layer} {name}": said[name] for name in names.get(layer, ()) if said.get(name)}


def _late(found: Backfill) -> list[Any]:
    return gate.behind(actual.lags(found.topic), found.max_lag, f"bronze-{found.topic}")


def _stopped() -> bool:
    return bool(command.ENDED)


def _may_try_again(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, CommandError) and error.outcome.exit_status not in VERDICTS and not _stopped()


@contextmanager
def _cancelled_by_the_ui() -> Generator[None, None, None]:
    """While inside, a cancellation of this flow run ends this process as a signal would."""
    done, identity = threading.Event(), UUID(str(this_run.id))

    def watch() -> None:
        with get_client(sync_client=True) as client:
            while not done.wait(WATCH):
                with suppress(Exception):  # the server may be away for a while: the windows go on
                    state = client.read_flow_run(identity).state
                    if state and state.type in (StateType.CANCELLING, StateType.CANCELLED) and not _stopped():
                        os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _bury_the_killed(found: Backfill) -> None:
    """Let runs that were killed no longer look as if they ran."""
    with get_client(sync_client=True) as client, suppress(Exception):
        for each in found.runs:
            if not each.ended:
                client.set_flow_run_state(UUID(each.flow_run), Crashed(message="killed; run again since"), force=True)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 1)
