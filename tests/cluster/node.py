"""The node: started as one process tree, recognised and ended by its control group."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster import bridges, build, certs, group, kube, services
from tests.cluster.machine import PATH
from tests.cluster.place import CONF, HERE, ClusterError, port, state

UNSHARE = [
    "setsid",
    "--fork",
    "unshare",
    "--fork",
    "--kill-child",
    "--pid",
    "--mount-proc",
    "--mount",
    "--ipc",
    "--uts",
]


def running() -> bool:
    """Whether its processes live and its API answers."""
    if not group.processes():
        return False
    try:
        return kube.kubectl("get", "--raw", "/readyz", "--request-timeout=5s") == "ok"
    except ClusterError:
        return False


def start() -> None:
    """Start the node from nothing; what an earlier one left is ended first.

    Raises:
        ClusterError: It did not become ready; the logs say why.
    """
    end()
    _require_free(port())
    keys = state() / "keys"
    (state() / "logs").mkdir(parents=True, exist_ok=True)
    certs.create(keys)
    (state() / "bridges.conf").write_text(bridges.configuration(services.offered()))
    own = state() / "kubeconfig"
    own.touch(0o600)
    own.write_text(certs.kubeconfig(keys, "admin", f"https://127.0.0.1:{port()}"))
    _launch()
    try:
        _await_ready()
    except ClusterError as error:
        story = _last_lines()
        end()
        raise ClusterError(f"the node did not become ready: {error}\n{story}") from error


def end() -> None:
    """End every process and remove all that is left but the logs; harmless when there is nothing."""
    group.end()
    for each in state().iterdir() if state().exists() else ():
        if each.name not in ("logs", ".lock"):
            shutil.rmtree(each) if each.is_dir() else each.unlink()


def inside(*command: str) -> list[str]:
    """The command line that runs a command in the node's namespaces."""
    return ["nsenter", "-t", str(init()), "-m", "-n", "-p", "-u", "-i", *command]


def offer(bridged: dict[str, int]) -> None:
    """Change which ports of the host's loopback can be reached from inside, while the node runs."""
    Path(f"/proc/{init()}/root/run/headrace/bridges.conf").write_text(bridges.configuration(bridged))
    control = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(CONF / "supervisord.conf"), "update"]
    subprocess.run(
        inside(*control), env={"CLUSTER_GROUP": group.name(), "PATH": PATH}, check=True, stdout=subprocess.DEVNULL
    )


def init() -> int:
    """The process that is PID 1 inside, by its number out here.

    Raises:
        ClusterError: There is none.
    """
    for process in group.processes():
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:  # it has just ended
            continue
        numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        if len(numbers) == 2 and numbers[1] == "1":
            return process
    raise ClusterError("the node does not run: make cluster-up")


def _launch() -> None:
    join = group.create()

    def enter() -> None:
        for file in join:
            file.write_text(str(os.getpid()))

    supervisord = [sys.executable, "-m", "supervisor.supervisord", "-c", str(CONF / "supervisord.conf")]
    environment = {"CLUSTER_GROUP": group.name(), "HOME": "/root", "PATH": f"{build.program('kube').parent}:{PATH}"}
    with (state() / "logs" / "inside.log").open("wb") as log:
        subprocess.run(
            [*UNSHARE, sys.executable, str(HERE / "inside.py"), str(state()), str(CONF), *supervisord],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=enter,
            check=True,
        )


def _await_ready(seconds: float = 180) -> None:
    give_up = time.monotonic() + seconds
    for question in (
        ("get", "--raw", "/readyz", "--request-timeout=5s"),
        ("wait", "node/headrace-node", "--for=condition=Ready", "--timeout=2s"),
        ("get", "serviceaccount", "default", "-n", "default"),
    ):
        while True:
            try:
                kube.kubectl(*question)
                break
            except ClusterError:
                if not group.processes():
                    raise ClusterError("its first process ended") from None
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.2)


def _require_free(number: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            raise ClusterError(
                f"port {number} is taken by somebody else: set HEADRACE_CLUSTER_PORT to a free one"
            ) from None


def _last_lines(lines: int = 5) -> str:
    told: list[str] = []
    for log in sorted((state() / "logs").glob("*.log")):
        last = log.read_text(errors="replace").splitlines()[-lines:]
        told += [f"--- {log}", *last]
    return "\n".join(told)
