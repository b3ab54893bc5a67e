"""What there is to say of each service. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    return [
        Row(
            process.name,
            process.state,
            str(process.pid or "-"),
            f"{memory(process.pid)} MiB" if process.pid else "-",
            str(layout.ports.get(process.name, "-")),
            _url(layout, process.name),
        )
        for process in processes
        if process.name != "flows" or process.state != "STOPPED"
    ]


def absent(layout: Layout) -> list[Row]:
    """The rows of a stack that does not run."""
    names = [name for name in layout.ports if not (layout.combined and name == "controller-1")]
    return [Row(name, "STOPPED", "-", "-", str(layout.ports[name]), _url(layout, name)) for name in names]


def members(service: str, processes: Sequence[Process]) -> list[Process]:
    """The processes of a service: `kafka` has its brokers and controllers."""
    names = ("kafka", "controller") if service == "kafka" else (service,)
    return [process for process in processes if process.name.partition("-")[0] in names]


def _url(layout: Layout, name: str) -> str:
    if name.startswith(("kafka", "controller")):
        return layout.address(name)
    return layout.urls.get(name, "-")
