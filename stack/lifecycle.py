"""Starting and stopping one copy of the stack."""

import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from jobs.errors import JobError
from stack import processes, ready, services, storage, supervisor
from stack.layout import ROOT, Layout
from stack.show import say

PATIENCE = 120  # seconds; a cold page cache on two busy cores needs half of it


def up(layout: Layout, jars: Path, beside: Sequence[str] = ()) -> list[services.Row]:
    """Start every service and wait for each; what runs already is left alone.

    Args:
        layout: Where.
        jars: The folder of the jars.
        beside: Programs that only start when asked for, in order.

    Raises:
        JobError: A port is taken, the state is for another layout, or a service did not start.
    """
    layout.state.mkdir(parents=True, exist_ok=True)
    with _alone(layout.state):
        began = time.monotonic()
        runs = bool(supervisor.processes(layout.state))
        if not runs:
            supervisor.stop(layout.state)  # one that is about to end
            _clear(layout.state)
            _refuse_taken_ports(layout)
        storage.prepare(layout, jars)
        if not runs:
            supervisor.start(layout, jars)
        for name in beside:
            supervisor.start_program(layout.state, name)
        _await(layout, ready.checks(layout, beside), quiet=runs)
        if (ROOT / "flows/__main__.py").exists():
            supervisor.start_program(layout.state, "flows")
        running = {each.name for each in supervisor.processes(layout.state) or [] if each.pid}
        storage.write_env(layout, jars, running)
        say(f"stack: {'was up already' if runs else 'up'}, {time.monotonic() - began:.1f} s -> {layout.env_file}")
    return rows(layout)


def down(state: Path) -> None:
    """Stop every service and whatever they started; harmless when nothing runs."""
    if not state.is_dir():
        say(f"stack: nothing to stop, there is no {state}")
        return
    with _alone(state):
        began, ran = time.monotonic(), supervisor.processes(state) is not None
        if ran:
            supervisor.stop(state)
        ended = _clear(state)
        say(f"stack: down, {time.monotonic() - began:.1f} s" if ran or ended else "stack: was down already")


def rows(layout: Layout) -> list[services.Row]:
    """What every service does now."""
    found = supervisor.processes(layout.state)
    return services.absent(layout) if found is None else services.rows(layout, found, processes.megabytes)


def _clear(state: Path) -> bool:
    """End what a supervisord that is no more left behind, and take its traces away."""
    left = processes.left_by(state)
    if left:
        say(f"stack: ending {len(left)} processes that outlived their supervisor")
        processes.end(left)
    for trace in (supervisor.socket_path(state), state / "supervisord.pid", state / "stack.env"):
        trace.unlink(missing_ok=True)
    shutil.rmtree(state / "spark/tmp", ignore_errors=True)  # what a killed Spark leaves grows
    return bool(left)


def _refuse_taken_ports(layout: Layout) -> None:
    held = processes.listeners()
    taken = [
        f"port {port} for {service} is held by {processes.describe(held[port])}"
        for service, port in layout.ports.items()
        if port in held
    ]
    if taken:
        raise JobError(
            "; ".join(taken) + "; nothing was started",
            hint=f"make up PORTS={31000 if layout.base != 31000 else 20000} STATE={layout.state}-2",
        )


def _await(layout: Layout, checks: dict[str, ready.Check], *, quiet: bool) -> None:
    """Wait for every service at once, telling when each answers."""
    began, gave_up = time.monotonic(), Event()
    with ThreadPoolExecutor(len(checks)) as pool:
        waits = {pool.submit(_wait, layout, name, check, gave_up): name for name, check in checks.items()}
        for done in as_completed(waits):
            if error := done.exception():
                gave_up.set()
                raise error
            if not quiet:
                name = waits[done]
                say(f"  {name:<10} ready after {time.monotonic() - began:4.1f} s  {layout.urls[name]}")


def _wait(layout: Layout, service: str, check: ready.Check, gave_up: Event) -> None:
    until, first = time.monotonic() + PATIENCE, dict[str, int]()
    while not check() and not gave_up.is_set():
        for process in services.members(service, supervisor.processes(layout.state) or []):
            died = process.state not in ("STARTING", "RUNNING")
            if died or first.setdefault(process.name, process.pid) != process.pid:
                raise _failed(layout, process.name, f"ended while it started ({process.state})")
        if time.monotonic() > until:
            raise _failed(layout, service, f"does not answer after {PATIENCE} s")
        time.sleep(0.2)


def _failed(layout: Layout, name: str, what: str) -> JobError:
    logs = sorted(layout.logs.glob(f"{name}*.log"))
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()[-15:]]
    return JobError(
        f"{name} {what}; the last it said:\n" + "\n".join(lines),
        hint=f"less {layout.logs}/{name}*.log; then make down, make up",
    )


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Let one command at a time change a stack; the lock ends with the process, however it ends."""
    with (state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
