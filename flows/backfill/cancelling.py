"""Cancellation: asked for in Prefect, by its UI or by us, and heard by the process that runs a backfill."""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelling

from flows.backfill import record
from flows.backfill.record import Backfill
from jobs.errors import JobError

WATCH = 2.0  # seconds between two looks at whether the run was cancelled
PATIENCE = 45.0  # seconds until a run must have ended: its steps have 30
LOOK = 0.5


def cancel(name: str) -> Backfill:
    """Ask the run of a backfill to end, wait until it has, and return how its windows stand.

    Raises:
        JobError: Nobody runs it on this machine, or it did not end.
        UsageError: There is no such backfill.
    """
    if not record.is_held(name):
        raise JobError(f"backfill {name} does not run on this machine", hint=f"headrace backfill show {name}")
    with get_client(sync_client=True) as client:
        for each in record.read(name).runs[-1:]:
            client.set_flow_run_state(UUID(each.flow_run), Cancelling(message="by hand"), force=True)
    until = time.monotonic() + PATIENCE
    while record.is_held(name):
        if time.monotonic() > until:
            raise JobError(
                f"backfill {name} still runs {PATIENCE:.0f} s after it was told to end", hint="end it by hand"
            )
        time.sleep(LOOK)
    return record.read(name)


@contextmanager
def heard(identity: UUID, stopped: Callable[[], bool]) -> Generator[None, None, None]:
    """While inside, a cancellation of this flow run ends this process as a signal would."""
    done = threading.Event()

    def watch() -> None:
        with get_client(sync_client=True) as client:
            while not done.wait(WATCH):
                with suppress(Exception):  # the server may be away for a while: the windows go on
                    state = client.read_flow_run(identity).state
                    if state and state.type in (StateType.CANCELLING, StateType.CANCELLED) and not stopped():
                        os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
