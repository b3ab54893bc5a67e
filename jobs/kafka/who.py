"""Who does something to a cluster, and whether that process still runs."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Who(BaseModel):
    """Who asks, for people, and for those who can see whether that process still runs.

    Args:
        host: The machine or the pod.
        pid: The process there.
        run: The run it belongs to, if it belongs to one.
        since: When it asked, in UTC.
        doing: What for: `topics apply`.
        birth: What no other process has: the boot, the process namespace, and when in it the process began.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    pid: int
    run: str = ""
    since: str = ""
    doing: str = ""
    birth: str = ""

    def __str__(self) -> str:
        """Who it is, in a sentence."""
        run = f", run {self.run}" if self.run else ""
        return f"{self.doing} on {self.host}, process {self.pid}{run}, since {self.since}"


def me(doing: str) -> Who:
    """This process."""
    return Who(
        host=socket.gethostname(),
        pid=os.getpid(),
        run=os.environ.get("HEADRACE_RUN", ""),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        doing=doing,
        birth=_birth(os.getpid()),
    )


def is_dead(who: Who) -> bool:
    """Whether this machine can tell that the process is no more; elsewhere only the lease can."""
    world = _birth(os.getpid()).rpartition("/")[0]
    return bool(world) and who.birth.rpartition("/")[0] == world and _birth(who.pid) != who.birth


def is_alive(who: Who) -> bool:
    """Whether the process runs on this machine now."""
    return bool(who.birth) and _birth(who.pid) == who.birth


def _birth(pid: int) -> str:
    """The boot, the process namespace and the start of a process; empty where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").readlink()
        began = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{boot}/{space}/{began[19]}" if began[0] not in "ZX" else ""
