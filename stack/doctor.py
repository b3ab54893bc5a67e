"""What this machine has and lacks for the stack, with the command that mends each."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from jobs.errors import JobError, UnhealthyError
from stack import jars, java, processes, storage, supervisor
from stack.layout import ROOT, Layout

# Versions that were tested together; others are known to fail (pyproject.toml says why).
MATRIX = ("confluent-kafka", "fastapi", "hera", "pandas", "prefect", "pyarrow", "pyspark", "sqlalchemy", "supervisor")
MEMORY, DISK, CORES = 4, 3, 2  # GiB, GiB: what the stack and a run take; cores: with one it works, slowly


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` is the command that puts it right."""

    what: str
    found: str
    wanted: str
    ok: bool
    mend: str


def doctor() -> list[Finding]:
    """Say what this machine has and lacks, and the command that mends each.

    Raises:
        UnhealthyError: Something that is needed is missing.
    """
    looked = [finding for look in LOOKS for finding in look()]
    findings = [replace(finding, mend="") if finding.ok else finding for finding in looked]
    if missing := [finding for finding in findings if not finding.ok]:
        what = ", ".join(f"{finding.what} ({finding.found})" for finding in missing)
        raise UnhealthyError(f"not as it must be: {what}", hint=missing[0].mend, result=findings)
    return findings


def _python() -> Iterator[Finding]:
    ok = sys.version_info >= (3, 11)
    yield Finding("python", platform.python_version(), ">= 3.11", ok, "uv python install 3.11 && make setup")


def _java() -> Iterator[Finding]:
    try:
        path = java.java()
        found = java.version(path)
        said = f"{found} ({path})"
    except JobError as error:
        found, said = 0, str(error)
    yield Finding("java", said, f">= {java.WANTED}", found >= java.WANTED, java.INSTALL)


def _uv() -> Iterator[Finding]:
    found = shutil.which("uv") or next((str(p) for p in [ROOT / ".cache/uv/bin/uv"] if p.exists()), "")
    yield Finding("uv", found or "none", "any", bool(found), "make setup")


def _machine() -> Iterator[Finding]:
    free = psutil.virtual_memory().available / 2**30
    running = bool(supervisor.processes(_state()))  # then its own memory is taken already
    yield Finding("memory", f"{free:.1f} GiB free", f">= {MEMORY} GiB", running or free >= MEMORY, "end what takes it")
    cores = os.cpu_count() or 1
    yield Finding("cores", str(cores), f"{CORES}; fewer are slow", True, "")
    disk = shutil.disk_usage(ROOT).free / 2**30
    yield Finding("disk", f"{disk:.1f} GiB free", f">= {DISK} GiB", disk >= DISK, "make clean, or free some")


def _ports() -> Iterator[Finding]:
    layout = _layout()
    ours = {process.pid for process in processes.left_by(layout.state)}
    taken = {port: held for port, held in processes.listeners().items() if held is None or held.pid not in ours}
    strangers = [
        f"{port} ({service}): {processes.describe(taken[port])}"
        for service, port in layout.ports.items()
        if port in taken
    ]
    wanted = f"{layout.base} to {layout.base + 999} free or ours"
    yield Finding(
        "ports", "; ".join(strangers) or "free or ours", wanted, not strangers, "make up PORTS=31000 STATE=.state2"
    )


def _jars() -> Iterator[Finding]:
    home = jars.home()
    found = "fetched and verified" if home.is_dir() else "not fetched"
    yield Finding("jars", found, str(home), home.is_dir(), "make setup")


def _packages() -> Iterator[Finding]:
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.M))
    for name in MATRIX:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "none"
        yield Finding(name, found, pins[name], found == pins[name], "rm -rf .venv && make setup")


def _docker() -> Iterator[Finding]:
    found = shutil.which("docker")
    yield Finding("docker", found or "none", "optional", True, "")


def _state() -> Path:
    return Path(os.environ.get("HEADRACE_STATE", ".state")).absolute()


def _layout() -> Layout:
    """The stack of this folder as it was made, else as `make up` would make it."""
    made = storage.made_for(_state()) or (
        int(os.environ.get("HEADRACE_PORTS", "29000")),
        int(os.environ.get("NODES", "1")),
    )
    return Layout(_state(), *made)


LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _java,
    _uv,
    _machine,
    _ports,
    _jars,
    _packages,
    _docker,
)
