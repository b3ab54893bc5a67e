"""The local run of a workflow: the Hera object walked as a Prefect flow, a subprocess a step."""

import inspect
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, cast

from hera.workflows import WorkflowTemplate
from hera.workflows import models as argo
from prefect import Flow, flow, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture, wait
from prefect.tasks import Task, exponential_backoff

from flows import command, dag
from flows.command import CommandError, Outcome
from jobs.errors import VERDICTS


@dataclass(frozen=True)
class Run:
    """How a run of a workflow ended.

    Args:
        name: The name of the run, as Prefect's UI shows it.
        status: Succeeded or Failed, as Argo would say.
        seconds: From the first step to the end of the exit handler.
        steps: One outcome a task in order of the DAG, the exit handler last.
    """

    name: str
    status: str
    seconds: float
    steps: list[Outcome]


class RunError(Exception):
    """A run whose steps did not all succeed."""

    def __init__(self, run: Run) -> None:
        failed = [step.name for step in run.steps if step.status == "Failed"]
        super().__init__(f"{run.name} ended as {run.status}: {', '.join(failed)}")
        self.run = run


def as_flow(workflow: WorkflowTemplate) -> Flow[..., Run]:
    """The Prefect flow that runs `workflow` on this machine; its parameters are the workflow's.

    Raises:
        JobError: The workflow uses something that the local run doesn't support.
    """
    model = cast(argo.WorkflowTemplate, workflow.build())
    steps, handler = dag.steps(model), dag.exit_handler(model)
    declared = dag.parameters(model)

    def body(**given: str) -> Run:
        return walk(steps, handler, {f"workflow.parameters.{key}": given[key] for key in given})

    body.__doc__ = _doc(model)
    vars(body)["__signature__"] = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=str(each.value), annotation=str)
            for name, each in declared.items()
        ]
    )
    name = str(workflow.name)
    return flow(name=name, flow_run_name=lambda: f"{name}-{uuid.uuid4().hex[:5]}")(body)


def walk(steps: list[dag.Step], handler: dag.Step | None, scope: dict[str, str]) -> Run:
    """Run the steps in the order of their dependencies, then the exit handler.

    Raises:
        RunError: Not every step succeeded.
    """
    begun = time.monotonic()
    name = _run_name()
    scope = {**scope, "workflow.name": name}
    futures: dict[str, PrefectFuture[Outcome]] = {}
    for step in steps:
        after = {each: futures[each] for each in step.after}
        futures[step.name] = _task(step).submit(step, scope, after)
    wait(list(futures.values()))
    outcomes = [_outcome(step.name, futures[step.name].state) for step in steps]
    failed = [each for each in outcomes if each.status == "Failed"]
    status = "Failed" if failed else "Succeeded"
    if handler:
        failures = [{"displayName": each.name, "message": each.message} for each in failed]
        end = {"workflow.status": status, "workflow.failures": json.dumps(failures)}
        last = _task(handler).submit(handler, {**scope, **end}, {})
        wait([last])
        outcomes.append(_outcome(handler.name, last.state))
    run = Run(name, status, time.monotonic() - begun, outcomes)
    if status == "Failed":
        raise RunError(run)
    return run


def _perform(step: dag.Step, scope: dict[str, str], after: dict[str, Outcome]) -> Outcome:
    results = {f"tasks.{name}.outputs.result": each.result for name, each in after.items()}
    words, variables = step.command({**scope, **results})
    return command.run(step.name, words, variables, step.seconds)


def _run_name() -> str:
    context = FlowRunContext.get()
    return context.flow_run.name if context and context.flow_run else "run"


def _task(step: dag.Step) -> Task[Any, Outcome]:
    return task(
        name=step.name,
        task_run_name=step.name,
        retries=step.retries,
        retry_delay_seconds=exponential_backoff(backoff_factor=5) if step.retries else None,
        retry_condition_fn=_may_try_again,
    )(_perform)


def _may_try_again(_: Task[..., Any], __: TaskRun, state: State[Outcome]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, CommandError) and error.outcome.exit_status not in VERDICTS


def _outcome(name: str, state: State[Outcome]) -> Outcome:
    if state.is_pending():  # its dependencies did not succeed
        return Outcome(name, "Omitted")
    result = state.result(raise_on_failure=False)
    if isinstance(result, Outcome):
        return result
    if isinstance(result, CommandError):
        return result.outcome
    return Outcome(name, "Failed", message=str(result))


def _doc(model: argo.WorkflowTemplate) -> str:
    lines = [f"    {name}: {each.description}" for name, each in dag.parameters(model).items()]
    return "\n".join([f"The workflow {model.metadata.name}, on this machine.", "", "Args:", *lines])
