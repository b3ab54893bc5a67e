"""The control group that holds every process of the cluster: what is in it is what runs."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster.place import port

GROUPS = Path("/sys/fs/cgroup")


def name() -> str:
    """Two clusters on one machine differ by their port."""
    return f"headrace-{port()}"


def folders() -> list[Path]:
    """The group in every hierarchy: one with cgroup v2, one a controller with v1."""
    if (GROUPS / "cgroup.controllers").exists():
        return [GROUPS / name()]
    hierarchies = {each.resolve() for each in GROUPS.iterdir() if each.is_dir()}
    return [hierarchy / name() for hierarchy in sorted(hierarchies)]


def create() -> list[Path]:
    """Make the group, and return the files that a process writes itself into in order to join."""
    for folder in folders():
        for each in (folder, folder / "node"):
            each.mkdir(exist_ok=True)
            for kind in ("cpuset.cpus", "cpuset.mems"):  # with v1 they start empty, and nothing can join
                if (each / kind).exists() and not (each / kind).read_text().strip():
                    (each / kind).write_text((each.parent / kind).read_text())
        if (GROUPS / "cgroup.subtree_control").exists():
            for controlled in (GROUPS, folder):
                available = (controlled / "cgroup.controllers").read_text().split()
                (controlled / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in available))
    return [folder / "node" / "cgroup.procs" for folder in folders()]


def processes() -> set[int]:
    """The processes in it, wherever they stand below it."""
    found: set[int] = set()
    for folder in folders():
        for path, _, _ in os.walk(folder):
            try:
                found |= {int(process) for process in Path(path, "cgroup.procs").read_text().split()}
            except OSError:  # a pod's group has just gone
                continue
    return found


def end(patience: float = 20) -> None:
    """End every process in the group, then remove it.

    Raises:
        TimeoutError: The kernel keeps some of them.
    """
    give_up = time.monotonic() + patience
    while left := processes():
        _in_time(give_up, f"processes {sorted(left)} of {name()} do not end")
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    while leftover := [folder for folder in folders() if folder.exists()]:
        _in_time(give_up, f"control groups {', '.join(map(str, leftover))} can't be removed")
        for folder in leftover:
            _remove(folder)


def _in_time(give_up: float, otherwise: str) -> None:
    if time.monotonic() > give_up:
        raise TimeoutError(otherwise)


def _remove(folder: Path) -> None:
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            Path(path).rmdir()
        except OSError:  # the kernel is still tidying up; asked again
            time.sleep(0.02)
