"""`headrace backfill`: plan, review, run."""

import logging
from typing import Annotated, Literal

from cyclopts import App, Parameter

from jobs.errors import JobError, UsageError

app = App(name="backfill", help="Do windows of a dataset again: planned, reviewed, and run by name.")


@app.default
def plan(
    dataset: str,
    *,
    start: Annotated[str, Parameter(name=["--from", "--start"])] = "",
    end: Annotated[str, Parameter(name=["--to", "--end"])] = "",
    offsets: str = "",
    reason: str = "",
    topic: str = "",
    table: Literal["all", "bronze", "silver", "gold"] = "all",
    window: str = "100000",
    name: str = "",
    rate: int = 0,
    concurrency: int = 1,
    max_lag: str = "60s",
    max_failed: int = 3,
    on_expired: Literal["fail", "clip"] = "fail",
    on: Literal["local", "argo"] = "local",
    dry_run: bool = False,
) -> object:
    """Plan a backfill, and write its record for review; nothing is done before `headrace backfill run NAME`.

    Args:
        dataset: Whose rules; its pipeline says which topic.
        start: The first moment, such as 2026-01-01T10:00 (UTC), or 6h for so long ago.
        end: The moment before which it ends; now when empty.
        offsets: Instead of times: partition, first offset and end (exclusive), as 0:10-20,1:5-.
        reason: Why it is done again.
        topic: Which topic; that of the dataset's own pipeline when empty.
        table: Which tables; all is bronze and silver by window, then gold, then the proof.
        window: How long a window is, such as 1h, or how many records.
        name: What to call it; dataset and time when empty.
        rate: At most so many records a second; 0 for no limit.
        concurrency: How many windows at once.
        max_lag: Pause while a live group is further behind: 60s, or a number of records.
        max_failed: Begin no window once so many have failed.
        on_expired: Whether records that are gone stop the plan, or are left out.
        on: Do the windows on this machine, or as workflows of Argo.
        dry_run: Show the plan without writing its record.
    """
    from flows.backfill import planning, record  # noqa: PLC0415 - what the help does without

    asked = planning.Asked(
        dataset, reason, start, end, offsets, topic, table, window, name, rate, concurrency, max_lag, max_failed,
        on_expired, on,
    )  # fmt: skip
    planned = planning.plan(asked)
    if not dry_run:
        if (record.folder() / f"{planned.name}.yaml").exists():
            hint = f"headrace backfill show {planned.name}"
            raise UsageError(f"there is a backfill {planned.name} already: give another --name", hint=hint)
        record.write(planned)
    return planned


@app.command
def run(name: str, *, retry: Literal["", "failed"] = "") -> object:
    """Run a backfill by its name; one that was killed or cancelled goes on where it stopped.

    Args:
        name: The record: `backfills/NAME.yaml` without its ending.
        retry: `failed` does the windows that failed, too.
    """
    from flows.run import reach_prefect  # noqa: PLC0415

    reach_prefect()
    from flows.backfill import flow, record  # noqa: PLC0415

    record.read(name)  # a name that is wrong needs no flow run
    for handler in logging.getLogger().handlers:
        handler.addFilter(_own_or_serious)
    ended = flow.backfill(name=name, retry=retry, return_state=True)
    found = record.read(name)
    if ended.is_completed():
        return found
    error = None if ended.is_cancelled() else ended.result(raise_on_failure=False)
    if isinstance(error, JobError):
        raise error
    hint = f"headrace backfill run {name}" + (" --retry=failed" if found.count("failed") else "")
    raise JobError(ended.message or f"backfill {name} failed", hint=hint, result=found)


def _own_or_serious(logged: logging.LogRecord) -> bool:
    """Prefect repeats for its UI what the steps say here."""
    return not logged.name.startswith("prefect") or (logged.levelno >= logging.WARNING and not logged.exc_info)


@app.command
def cancel(name: str) -> object:
    """Cancel a backfill that runs on this machine: no window is begun any more, and what is under way is ended.

    Args:
        name: The record: `backfills/NAME.yaml` without its ending.
    """
    from flows.run import reach_prefect  # noqa: PLC0415

    reach_prefect()
    from flows.backfill import cancelling  # noqa: PLC0415

    return cancelling.cancel(name)


@app.command
def show(name: str) -> object:
    """Show a backfill: why, how much, and how each window stands.

    Args:
        name: The record: `backfills/NAME.yaml` without its ending.
    """
    from flows.backfill import record  # noqa: PLC0415

    return record.read(name)


@app.command(name="list")
def list_() -> object:
    """List the backfills, and how they stand."""
    from flows.backfill import record  # noqa: PLC0415

    found = [record.read(each.stem) for each in sorted(record.folder().glob("*.yaml"))]
    states = ("done", "failed", "pending")
    return [{"name": each.name, "reason": each.reason, **{name: each.count(name) for name in states}} for each in found]
