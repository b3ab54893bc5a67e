"""The services on one machine: `python -m stack up | down | status`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from jobs.errors import UnhealthyError, UsageError
from stack import documents, jars, lifecycle
from stack.layout import HIGHEST, Layout
from stack.services import Row
from stack.show import main
from stack.storage import made_for

app = App(name="python -m stack", help=__doc__, result_action="return_value")
State = Annotated[Path, Parameter(env_var="HEADRACE_STATE", help="The folder of all it keeps.")]
Ports = Annotated[int, Parameter(env_var="HEADRACE_PORTS", help="First of the thousand ports it may use.")]
With = Annotated[str, Parameter(env_var="WITH", help="What to start beside the rest: documents.")]
Nodes = Annotated[int, Parameter(env_var="NODES", help="Kafka brokers: 1, or 3 with 3 controllers.")]


@app.command
def up(*, state: State = Path(".state"), ports: Ports = 29000, nodes: Nodes = 1, with_: With = "") -> list[Row]:
    """Start every service and wait until each answers; harmless when they run."""
    if nodes not in (1, 3):
        raise UsageError(f"NODES is 1 or 3, not {nodes}", hint="make up NODES=3")
    if not 1024 <= ports <= HIGHEST:
        raise UsageError(f"PORTS is from 1024 to {HIGHEST}, not {ports}", hint="make up PORTS=31000")
    if unknown := {*with_.split()} - {documents.NAME}:
        said = ", ".join(sorted(unknown))
        raise UsageError(f"WITH is {documents.NAME} or nothing, not {said}", hint="make up WITH=documents")
    jars.fetch()
    return lifecycle.up(Layout(state.absolute(), ports, nodes), jars.home(), documents.programs(with_.split()))


@app.command
def down(*, state: State = Path(".state")) -> None:
    """Stop every service; harmless when none runs."""
    lifecycle.down(state.absolute())


@app.command
def status(*, state: State = Path(".state")) -> list[Row]:
    """Show every service; the exit status is 4 when one does not run."""
    made = made_for(state.absolute())
    if made is None:
        raise UnhealthyError(f"there is no stack in {state}", hint="make up")
    rows = lifecycle.rows(Layout(state.absolute(), *made))
    if down := [row.service for row in rows if row.state not in ("RUNNING", "OFF")]:
        raise UnhealthyError(f"not running: {', '.join(down)}", hint=f"make up, logs in {state}/logs", result=rows)
    return rows


if __name__ == "__main__":
    main(app)
