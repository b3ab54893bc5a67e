"""What this machine must have, and how it gets it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from stack.show import say
from tests.cluster.place import HERE, ClusterError

PATH = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"

PROGRAMS = {  # each with the Debian package that has it
    "busybox": "busybox-static",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "ctr": "containerd",
    "ethtool": "ethtool",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "runc": "runc",
    "socat": "socat",
}
PLUGINS = Path("/usr/lib/cni")  # containernetworking-plugins


def missing() -> list[str]:
    """The Debian packages that this machine lacks."""
    lacking = {package for program, package in PROGRAMS.items() if not shutil.which(program, path=PATH)}
    if not (PLUGINS / "bridge").exists():
        lacking.add("containernetworking-plugins")
    return sorted(lacking)


def require_packages() -> None:
    """Install what lacks, where that is ours to do.

    Raises:
        ClusterError: Something lacks and this is not root on Debian.
    """
    if not (packages := missing()):
        return
    install = f"apt-get install --no-install-recommends -y {' '.join(packages)}"
    if os.geteuid() or not shutil.which("apt-get"):
        raise ClusterError(f"this machine lacks {', '.join(packages)}: as root on Debian, {install}")
    say(f"installing {', '.join(packages)}")
    quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update"], check=True, **quiet)
    subprocess.run(install.split(), check=True, **quiet)


def require_root() -> None:
    """Namespaces, mounts and cgroups are root's.

    Raises:
        ClusterError: We are somebody else.
    """
    if os.geteuid():
        raise ClusterError("a cluster of real pods needs root: sudo make cluster-up, or KUBECONFIG of another cluster")


def require_go() -> None:
    """Check the compiler.

    Raises:
        ClusterError: Go lacks or is older than the modules ask for.
    """
    wanted = max(
        tuple(map(int, version))
        for module in HERE.glob("go/*/go.mod")
        for version in re.findall(r"^go (\d+)\.(\d+)", module.read_text(), re.MULTILINE)
    )
    least = ".".join(map(str, wanted))
    if not shutil.which("go"):
        raise ClusterError(f"Go {least} or newer is needed to build the cluster, and there is none on PATH")
    said = subprocess.run(["go", "env", "GOVERSION"], check=True, capture_output=True, text=True).stdout.strip()
    found = re.match(r"go(\d+)\.(\d+)", said)
    if not found or tuple(map(int, found.groups())) < wanted:
        raise ClusterError(f"Go {least} or newer is needed to build the cluster, and this is {said}")
