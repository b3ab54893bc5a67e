"""The flow: the windows of a record as Prefect's tasks, each done once, however often it is killed and run again."""

import getpass
import socket
import time
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import UUID

from prefect import flow, get_client, get_run_logger, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.futures import wait
from prefect.runtime import flow_run as this_run
from prefect.states import Cancelled, Completed, Crashed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task, exponential_backoff

from flows import command
from flows.backfill import cancelling, gate, planning, record, work
from flows.backfill.gate import Pace
from flows.backfill.record import Backfill, Batch, Book, Run, Table
from flows.command import CommandError
from jobs import kafka, settings
from jobs.errors import VERDICTS, JobError
from jobs.groups import actual

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
    with record.held(name) as book, command.ended_with_this_process(), _heard():
        return _run(book, failed=retry == "failed")


def _run(book: Book, *, failed: bool) -> State[Any]:
    found = book.record
    if (now := kafka.topic_id(found.topic)) != found.topic_id:
        raise JobError(f"{found.topic} was made again since the plan: its id is {now}, not {found.topic_id}")
    _bury_the_killed(found)
    mine = Run(by=f"{getpass.getuser()}@{socket.gethostname()}", flow_run=str(this_run.id), begun=_now())
    todo = book.begin(mine, failed=failed)
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
    with command.ended_with_this_process():  # again: each flow run of Prefect handles signals its own way
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
    first = not context or context.task_run.run_count <= 1
    if first:
        gate.wait_until(pace.turn(batch.records), _stopped)
        gate.wait_for_consumers(lambda: _late(found), found.max_lag, cast(Any, log), _stopped)
    if _stopped() or book.failures >= found.max_failed:
        return Cancelled(name="NotBegun", message="cancelled, or too many windows failed")
    begun = time.monotonic()
    killed = first and batch.state == "running"  # by the last run: this is still the same try
    book.note(name, state="running", tries=batch.tries + (not killed), begun=_now(), message="")
    try:
        counts = work.do(found, book.batch(name), _stopped)
    except (CommandError, JobError) as error:
        if _stopped():
            book.note(name, state="pending", message="interrupted")
            return Cancelled(message="interrupted")
        book.note(name, state="failed", seconds=_since(begun), message=str(error)[-500:])
        raise
    book.note(name, state="done", seconds=_since(begun), counts=counts)
    return Completed(message=f"{batch.records:,} records")


def _late(found: Backfill) -> list[Any]:
    return gate.behind(actual.lags(found.topic), found.max_lag, f"bronze-{found.topic}")


def _heard() -> AbstractContextManager[None]:
    return cancelling.heard(UUID(str(this_run.id)), _stopped)


def _stopped() -> bool:
    return bool(command.ENDED)


def _may_try_again(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, CommandError) and error.outcome.exit_status not in VERDICTS and not _stopped()


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
