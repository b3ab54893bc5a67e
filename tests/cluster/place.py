"""Where things are: the cache that outlives a checkout, and the state of the cluster that runs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.show import say

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CONF = HERE / "conf"


class ClusterError(Exception):
    """What the person at the keyboard can mend; the message says how."""


def cache() -> Path:
    """What was built, for every checkout on this machine."""
    return Path(os.environ.get("HEADRACE_CACHE", "~/.cache/headrace")).expanduser().resolve() / "cluster"


def state() -> Path:
    """The one cluster of this checkout: its data, logs and keys."""
    return (ROOT / os.environ.get("HEADRACE_STATE", ".state")).resolve() / "cluster"


def port() -> int:
    """Where the API listens on the host's loopback; two clusters on one machine differ by it."""
    return int(os.environ.get("HEADRACE_CLUSTER_PORT", "16443"))


def foreign() -> Path | None:
    """The kubeconfig of somebody else's cluster, when `KUBECONFIG` names one: the tests then run on that."""
    named = os.environ.get("KUBECONFIG")
    return Path(named) if named and Path(named).resolve() != state() / "kubeconfig" else None


def kubeconfig() -> Path:
    """The administrator's way in."""
    return foreign() or state() / "kubeconfig"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until nobody else works in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that works in {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
