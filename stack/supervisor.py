"""supervisord, which runs the services: started with their environment, asked through its own interface."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast
from xmlrpc.client import Fault, ServerProxy, Transport

import psutil

from jobs.errors import JobError
from stack import documents
from stack.ivy import pyspark_home
from stack.java import java
from stack.layout import ROOT, Layout

CONF = Path(__file__).parent / "supervisord.conf"
MARK = "HEADRACE_STATE_MARK"  # in the environment of whatever a stack started, and of nothing else
FOREIGN = ("AWS_", "PREFECT_", "SPARK_", "KAFKA_", "RABBITMQ_", "MONGODB_", "ERL_")  # may be of another stack
LONGEST = 100  # bytes of a socket's path: the kernel takes 107 on Linux, 103 on macOS
KAFKA_JVM = "'-Dlog4j2.configurationFile={here}/log4j2.properties' -cp '{jars}/kafka/*'"


@dataclass(frozen=True)
class Process:
    """What supervisord says of a program; `pid` is 0 when it does not run, `started` is in epoch seconds."""

    name: str
    state: str
    pid: int
    started: int


def socket_path(state: Path) -> Path:
    """The control socket: in the state folder, or under /tmp where its path would be too long."""
    inside = state / "supervisor.sock"
    if len(os.fsencode(inside)) <= LONGEST:
        return inside
    key = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return Path("/tmp") / f"headrace-{os.getuid()}-{key}.sock"  # noqa: S108 - short, and ours by its name


def environment(layout: Layout, jars: Path, base: Mapping[str, str]) -> dict[str, str]:
    """What the services find in their environment: the caller's own, without their AWS identity, and ours."""
    kept = {k: v for k, v in base.items() if not k.startswith(FOREIGN)}
    here = CONF.parent
    ours = {
        MARK: str(layout.state),
        "HEADRACE_ROOT": str(ROOT),
        "HEADRACE_STATE": str(layout.state),
        "HEADRACE_LOGS": str(layout.logs),
        "HEADRACE_SOCKET": str(socket_path(layout.state)),
        "HEADRACE_JARS": str(jars),
        "HEADRACE_JAVA": str(java()),
        "HEADRACE_JVM": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xss512k -Djava.awt.headless=true",
        "HEADRACE_KAFKA_JVM": KAFKA_JVM.format(here=here, jars=jars),
        "HEADRACE_PYTHON": sys.executable,
        "HEADRACE_SPARK_HOME": str(pyspark_home()),
        "HEADRACE_NODES": str(layout.nodes),
        "HEADRACE_CONTROLLERS": str(0 if layout.combined else layout.nodes),
        "HEADRACE_EPMD_PORT": str(layout.ports["epmd"]),
        "HEADRACE_ERLANG_PORT": str(layout.ports["erlang"]),
        "HEADRACE_MONGODB_PORT": str(layout.ports["mongodb"]),
        "HEADRACE_RABBITMQ_PORT": str(layout.ports["rabbitmq"]),
        "HEADRACE_RABBITMQ": documents.server() or "rabbitmq-server",
        "HEADRACE_ELASTICMQ_PORT": str(layout.ports["elasticmq"]),
        "HEADRACE_PREFECT_PORT": str(layout.ports["prefect"]),
        "HEADRACE_SPARK_PORT": str(layout.ports["spark"]),
        "HEADRACE_TELEGRAM_PORT": str(layout.ports["telegram"]),
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(layout.state / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{layout.state}/prefect/prefect.db",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "PREFECT_UI_API_URL": f"{layout.urls['prefect']}/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(layout.state / "prefect" / "ui"),
        "PYTHONUNBUFFERED": "1",
    }
    return kept | layout.clients() | ours


def start(layout: Layout, jars: Path) -> None:
    """Start supervisord, which goes into the background and starts every service.

    Raises:
        JobError: It would not start.
    """
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(CONF)]
    env = environment(layout, jars, os.environ)
    done = subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise JobError(f"supervisord did not start: {said}", hint=f"cat {layout.logs}/supervisord.log")


def processes(state: Path) -> list[Process] | None:
    """Every program, none while supervisord stops, or None when no supervisord answers for this folder."""
    try:
        said = cast(list[dict[str, Any]], _ask(state).supervisor.getAllProcessInfo())
    except OSError:
        return None
    except Fault:
        return []
    return [Process(each["name"], each["statename"], int(each["pid"]), int(each["start"])) for each in said]


def start_program(state: Path, name: str) -> None:
    """Start a program that does not start by itself, and wait until it runs; harmless when it does.

    Raises:
        JobError: It ended at once.
    """
    try:
        _ask(state).supervisor.startProcess(name)
    except Fault as fault:
        if "ALREADY_STARTED" not in fault.faultString:
            log = state / "logs" / f"{name}.log"
            raise JobError(f"{name} did not start: {fault.faultString}", hint=f"less {log}") from fault


def stop(state: Path, *, seconds: float = 120) -> None:
    """Stop every program in order, then supervisord; returns when it has gone.

    Raises:
        JobError: It is still there after `seconds`.
    """
    try:
        pid = int(_ask(state).supervisor.getPID())
        _ask(state).supervisor.shutdown()
    except (OSError, Fault):  # it stops already
        pid = 0
    until = time.monotonic() + seconds
    while processes(state) is not None or (pid and psutil.pid_exists(pid)):
        if time.monotonic() > until:
            raise JobError(f"supervisord has not stopped in {seconds:.0f} s", hint="make status")
        time.sleep(0.1)


class _Unix(Transport):
    """XML-RPC over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> HTTPConnection:  # noqa: ARG002 - the path is all
        connection = HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(10)
        try:
            connection.sock.connect(str(self.path))
        except OSError:
            connection.sock.close()
            raise
        return connection


def _ask(state: Path) -> Any:
    return ServerProxy("http://localhost", transport=_Unix(socket_path(state)))
