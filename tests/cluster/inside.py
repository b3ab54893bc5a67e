"""PID 1 of the node: gives it a place and a network of its own, then becomes the supervisor of everything in it.

Started by node.py in fresh PID, mount, IPC and UTS namespaces. The network namespace comes last, because the bridges
to the host's loopback need the host's as well.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

CLONE_NEWNET = 0x40000000

KERNEL = {"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"}
"""What the kubelet insists on. It is shown these values instead of changing the machine's."""

DATA = {
    "etcd": "/var/lib/etcd",
    "containerd": "/var/lib/containerd",
    "kubelet": "/var/lib/kubelet",
    "logs": "/var/log/headrace",
}
"""What is kept in the state folder rather than in memory, by the name it has there."""


def main(state: Path, conf: Path, supervisord: list[str]) -> None:
    """Never returns: the supervisor takes this process over."""
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "headrace", "/run")
    own("/etc")
    own("/var")
    for name, path in DATA.items():
        place(state / name, Path(path))
    run("mount", "--make-rshared", "/var/lib/kubelet")
    settle(state, conf)
    pretend()
    bind(Path("/proc/self/ns/net"), Path("/run/netns/host"))
    ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET)
    network()
    os.execv(supervisord[0], supervisord)  # noqa: S606 - this process becomes it


def own(path: str) -> None:
    """Keep what is written under the path in memory, and away from the machine."""
    upper, work = Path(f"/run/own{path}/upper"), Path(f"/run/own{path}/work")
    upper.mkdir(parents=True)
    work.mkdir()
    run("mount", "-t", "overlay", "-o", f"lowerdir={path},upperdir={upper},workdir={work}", "headrace", path)


def place(source: Path, target: Path) -> None:
    """Show one folder in place of another."""
    source.mkdir(parents=True, exist_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    run("mount", "--bind", str(source), str(target))


def bind(source: Path, target: Path) -> None:
    """Show one file in place of another."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
    run("mount", "--bind", str(source), str(target))


def settle(state: Path, conf: Path) -> None:
    """Put keys and configuration where the programs look for them."""
    shutil.copytree(state / "keys", "/etc/kubernetes", dirs_exist_ok=True)
    for name in ("kubelet.yaml", "kube-proxy.yaml"):
        shutil.copy(conf / name, "/etc/kubernetes")
    shutil.rmtree("/etc/cni", ignore_errors=True)
    shutil.copytree(conf / "cni", "/etc/cni/net.d")
    Path("/etc/containerd").mkdir(exist_ok=True)
    shutil.copy(conf / "containerd.toml", "/etc/containerd/config.toml")
    Path("/run/headrace").mkdir()
    shutil.copy(state / "bridges.conf", "/run/headrace")


def pretend() -> None:
    """Show the kubelet the kernel settings it wants."""
    for name, value in KERNEL.items():
        file = Path("/run/headrace", Path(name).name)
        file.write_text(f"{value}\n")
        run("mount", "--bind", str(file), f"/proc/sys/{name}")


def network() -> None:
    """One bridge with two addresses: .1 is the node, .2 stands for the host's loopback."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "node0", "type", "bridge")
    run("ip", "address", "add", "10.250.0.1/24", "dev", "node0")
    run("ip", "address", "add", "10.250.0.2/24", "dev", "node0")
    run("ip", "link", "set", "node0", "up")
    run("ip", "route", "add", "default", "via", "10.250.0.254")  # to nowhere, but programs want one to exist
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
    filtered = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if filtered.exists():
        filtered.write_text("1\n")


def run(*command: str) -> None:
    """Run one command, and stop at the first that fails."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
