"""`headrace run WORKFLOW`: the local run of a workflow, from the command line."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import httpx
from cyclopts import Parameter

from jobs.errors import BY_STATUS, JobError, UsageError

if TYPE_CHECKING:
    from prefect import Flow

    from flows.local import Run


@dataclass(frozen=True)
class Result:
    """How a run ended, for people and programs.

    Args:
        run: Its name in Prefect's UI.
        workflow: What was run.
        status: Succeeded or Failed.
        seconds: How long it took.
        steps: Name, status, seconds and result or message of each step.
        url: Where Prefect's UI shows it.
    """

    run: str
    workflow: str
    status: str
    seconds: float
    steps: list[dict[str, object]]
    url: str

    def text(self) -> str:
        """One line a step."""
        width = max(len(str(step["name"])) for step in self.steps)
        lines = [
            f"{MARK[str(step['status'])]} {step['name']!s:<{width}}"
            f" {step['seconds']:>6.1f} s  {step['message'] or _brief(step['result'])}"
            for step in self.steps
        ]
        end = f"{self.run} {self.status} in {self.seconds:.1f} s: {self.url}"
        return "\n".join([*lines, end])


MARK = {"Succeeded": "[green]✔[/green]", "Failed": "[red]✘[/red]", "Omitted": "-"}


def run(workflow: str, *, param: Annotated[Sequence[str], Parameter(negative="")] = ()) -> Result:
    """Run a workflow on this machine, step by step as its containers would.

    Args:
        workflow: The name of the workflow, as in `k8s/base/workflows`.
        param: A parameter of the workflow as name=value; the option may be given again.
    """
    url = reach_prefect()
    from prefect import Flow  # noqa: PLC0415  # reads the environment when imported

    from flows import pipelines, values  # noqa: PLC0415

    known = {name: each for name, each in vars(pipelines).items() if isinstance(each, Flow)}
    if workflow not in known:
        near = get_close_matches(workflow, known, n=1) or [*known]
        raise UsageError(
            f"there is no workflow {workflow}; there is: {', '.join(known)}", hint=f"headrace run {near[0]}"
        )
    flow = known[workflow]
    given = parse(workflow, param, [*flow.parameters.properties])
    values.check(workflow, given)
    if missing := [name for name in flow.parameters.required if name not in given]:
        raise UsageError(f"workflow {workflow} needs {', '.join(f'--param {name}=...' for name in missing)}")
    return perform(workflow, flow, given, url)


def perform(workflow: str, flow: "Flow[..., Run]", given: Mapping[str, str], url: str) -> Result:
    """Run a flow, and say how it ended.

    Raises:
        JobError: A step failed; its exit status is that of the first one that did.
    """
    from flows.local import RunError  # noqa: PLC0415

    for handler in logging.getLogger().handlers:
        handler.addFilter(_own_or_serious)
    try:
        return _result(workflow, flow(**given), url)
    except RunError as error:
        failed = [step for step in error.run.steps if step.status == "Failed"]
        kind = BY_STATUS.get(failed[0].exit_status or 1, JobError)
        raise kind(
            f"{error.run.name}: {', '.join(step.name for step in failed)} failed",
            hint=f"headrace retry {error.run.name} (it goes on where it stopped), or the log: {url}",
            result=_result(workflow, error.run, url),
        ) from error


def parse(workflow: str, given: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """The parameters as name and value.

    Raises:
        UsageError: One is not `name=value`, or the workflow has none of that name.
    """
    parsed: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"--param {each}: write it as name=value")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(
                f"workflow {workflow} has no parameter {name}; it has: {', '.join(known)}",
                hint=f"headrace run {workflow} --param {near[0] if near else known[0]}={value}",
            )
        parsed[name] = value
    return parsed


def reach_prefect() -> str:
    """Where Prefect's UI is, once its server has answered.

    Raises:
        JobError: It is not running.
    """
    api = os.environ.get("PREFECT_API_URL", "")
    try:
        httpx.get(f"{api}/health", timeout=5).raise_for_status()
    except (httpx.HTTPError, httpx.UnsupportedProtocol) as error:
        why = f"at {api} does not answer: {error}" if api else "is not known: no PREFECT_API_URL"
        raise JobError(f"Prefect's server {why}", hint="make up") from error
    return api.removesuffix("/api")


def _own_or_serious(record: logging.LogRecord) -> bool:
    """Prefect repeats for its UI what the steps say here."""
    expected = record.exc_info and record.exc_info[0] and record.exc_info[0].__name__ in ("CommandError", "RunError")
    return not record.name.startswith("prefect") or (record.levelno >= logging.WARNING and not expected)


def _result(workflow: str, ended: "Run", url: str) -> Result:
    steps = [
        {
            "name": step.name,
            "status": step.status,
            "seconds": round(step.seconds, 2),
            "result": _value(step.result),
            "message": step.message,
        }
        for step in ended.steps
    ]
    return Result(ended.name, workflow, ended.status, round(ended.seconds, 2), steps, url)


def _brief(result: object) -> str:
    """The plain values of a result on one line; lists and objects are left to `--output json`."""
    if not isinstance(result, dict):
        return str(result)
    flat = {**result, **result.get("counts", {})}
    plain = {name: each for name, each in flat.items() if isinstance(each, str | int | float)}
    return ", ".join(f"{name} {each}" for name, each in plain.items())


def _value(printed: str | None) -> object:
    try:
        return json.loads(printed or "")
    except ValueError:
        return printed
