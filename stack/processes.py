"""Processes of this machine: who holds a port, and what a stack has left behind."""

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from stack.supervisor import MARK


def listeners() -> dict[int, psutil.Process | None]:
    """Who listens on each TCP port of this machine; None where the system does not tell us."""
    found: dict[int, psutil.Process | None] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        port = connection.laddr.port
        try:
            found[port] = psutil.Process(connection.pid) if connection.pid else found.get(port)
        except psutil.NoSuchProcess:
            continue
    return found


def describe(process: psutil.Process | None) -> str:
    """`java (pid 123)`."""
    if process is None:
        return "a process of another user"
    try:
        words = " ".join(process.cmdline()[:3])
        return f"pid {process.pid}: {words[:80] or process.name()}"
    except psutil.Error:
        return f"pid {process.pid}"


def left_by(state: Path) -> list[psutil.Process]:
    """What a stack of this folder started and still runs, whoever its parent is now; never ourselves."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in ours and _is_of(process, state)]


def _is_of(process: psutil.Process, state: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(state) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def end(processes: Iterable[psutil.Process], *, seconds: float = 15) -> None:
    """End processes: politely, then after `seconds` by force."""
    left = list(processes)
    for process in left:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, stubborn = psutil.wait_procs(left, timeout=seconds)
    for process in stubborn:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(stubborn, timeout=seconds)


def megabytes(pid: int) -> int:
    """Resident memory of a process, 0 when it has gone."""
    try:
        return psutil.Process(pid).memory_info().rss >> 20
    except psutil.Error:
        return 0
