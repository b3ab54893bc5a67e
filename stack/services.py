"""What there is to say of each service. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stack import documents
from stack.layout import Layout
from stack.supervisor import Process


@dataclass(frozen=True)
class Row:
    """A service as `status` shows it."""

    service: str
    state: str
    pid: str
    memory: str
    port: str
    url: str


def rows(layout: Layout, processes: Sequence[Process], memory: Callable[[int], int]) -> list[Row]:
    """A row a process; `memory` says how many MiB a process id holds."""
    shown = [
        Row(
            process.name,
            process.state,
            str(process.pid or "-"),
            f"{memory(process.pid)} MiB" if process.pid else "-",
            str(layout.ports.get(process.name, "-")),
            _url(layout, process.name),
        )
        for process in processes
        if process.name not in ("flows", *documents.PROGRAMS) or process.state != "STOPPED"
    ]
    return shown + _off({row.service for row in shown})


def absent(layout: Layout) -> list[Row]:
    """The rows of a stack that does not run."""
    beside = (*documents.PROGRAMS, "erlang", "management")
    names = [name for name in layout.ports if not (layout.combined and name == "controller-1") and name not in beside]
    return [Row(name, "STOPPED", "-", "-", str(layout.ports[name]), _url(layout, name)) for name in names]


def _off(shown: set[str]) -> list[Row]:
    """What may run beside the rest and does not, with what would start it."""
    start = {"rabbitmq": f"make up WITH={documents.NAME}", "mongodb": f"make up WITH={documents.NAME}"}
    if not documents.server():
        start["rabbitmq"] = documents.INSTALL
    return [Row(name, "OFF", "-", "-", "-", how) for name, how in start.items() if name not in shown]


def members(service: str, processes: Sequence[Process]) -> list[Process]:
    """The processes of a service: `kafka` has its brokers and controllers."""
    names = ("kafka", "controller") if service == "kafka" else (service,)
    return [process for process in processes if process.name.partition("-")[0] in names]


def _url(layout: Layout, name: str) -> str:
    if name.startswith(("kafka", "controller")):
        return layout.address(name)
    return layout.urls.get(name, "-")
