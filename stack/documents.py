"""RabbitMQ and the stand-in for MongoDB, which `make up WITH=documents` starts beside the rest."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from stack.layout import Layout

NAME = "documents"
PROGRAMS = ("epmd", "rabbitmq", "mongodb")
"""In the order in which they start: a node of Erlang finds others by epmd, which would else outlive it."""

VARIABLES = {"rabbitmq": "RABBITMQ_HOST", "mongodb": "MONGODB_HOST"}
"""What tells clients where a program is."""

PLUGINS = "[rabbitmq_management].\n"
"""Its page for people, and what KEDA asks for a queue's length."""

DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one on PATH wants to become another user
INSTALL = "apt-get install rabbitmq-server (Debian, Ubuntu), brew install rabbitmq (macOS)"


def server() -> str:
    """The program that starts RabbitMQ, empty where there is none."""
    if not shutil.which("epmd"):
        return ""
    return str(DEBIAN) if DEBIAN.exists() else shutil.which("rabbitmq-server") or ""


def programs(wanted: Sequence[str]) -> list[str]:
    """What is to start beside the rest: all of it, or what can be had of it."""
    if NAME not in wanted:
        return []
    return [*PROGRAMS] if server() else ["mongodb"]


def rabbitmq_conf(layout: Layout) -> str:
    """rabbitmq.conf: loopback only, and modest."""
    return "\n".join(
        [
            f"listeners.tcp.1 = 127.0.0.1:{layout.ports['rabbitmq']}",
            "loopback_users.guest = true",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {layout.ports['management']}",
            "vm_memory_high_watermark.absolute = 512MB",
            "disk_free_limit.absolute = 256MB",
            "raft.wal_max_size_bytes = 33554432",  # its own default keeps half a GiB in memory
            "log.console = true",
            "log.console.level = warning",
            "log.file = false",
            "",
        ]
    )
