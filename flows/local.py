"""The local run of a workflow: the Hera object walked as a Prefect flow, a subprocess a step."""

import inspect
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from hera.workflows import WorkflowTemplate
from hera.workflows import models as argo
from prefect import Flow, allow_failure, flow, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.futures import PrefectFuture, wait
from prefect.states import Completed
from prefect.tasks import Task, exponential_backoff

from flows import command, conditions, dag, record
from flows.command import CommandError, Outcome
from flows.record import Recorder
from jobs.errors import VERDICTS, JobError, UsageError

Future = PrefectFuture[Outcome]


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


def rendered(workflow: WorkflowTemplate) -> argo.WorkflowTemplate:
    """The workflow as it is written into its manifest."""
    return cast(argo.WorkflowTemplate, workflow.build())


def as_flow(workflow: WorkflowTemplate, before: record.Record | None = None) -> Flow[..., Run]:
    """The Prefect flow that runs `workflow` on this machine; its parameters are the workflow's.

    Args:
        workflow: What to run.
        before: A run of it that did not succeed: what succeeded in it is not run again.

    Raises:
        JobError: The workflow uses something that the local run doesn't support.
    """
    model = rendered(workflow)
    steps, handler = dag.steps(model), dag.exit_handler(model)
    declared = dag.parameters(model)
    kept = record.keep(steps, before) if before else {}

    def body(**given: str) -> Run:
        run = _run_name()
        begins = record.again(before, kept) if before else record.begun(model, run, given)
        with command.ended_with_this_process():
            scope = {"workflow.name": run} | {f"workflow.parameters.{key}": given[key] for key in given}
            return walk(steps, handler, scope, Notes(Recorder(begins), kept))

    body.__doc__ = _doc(model)
    vars(body)["__signature__"] = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if each.value is None else str(each.value),
                annotation=str,
            )
            for name, each in declared.items()
        ]
    )
    name = str(workflow.name)
    return flow(name=name, flow_run_name=lambda: before.run if before else f"{name}-{uuid.uuid4().hex[:5]}")(body)


@dataclass(frozen=True)
class Notes:
    """What a walk writes down, and what an earlier one did.

    Args:
        recorder: Keeps run.json.
        kept: The outcomes that are taken as they are.
    """

    recorder: Recorder
    kept: Mapping[str, Outcome]


def walk(steps: list[dag.Step], handler: dag.Step | None, scope: dict[str, str], notes: Notes) -> Run:
    """Run the steps in the order of their dependencies, then the exit handler.

    Args:
        steps: The tasks, each after those that it depends on.
        handler: What runs last, however the rest ended.
        scope: What tags stand for.
        notes: What to write down, and what is done already.

    Raises:
        RunError: A step failed.
    """
    begun = time.monotonic()
    futures: dict[str, list[Future]] = {}
    for step in steps:
        before = {each: futures[each] for each in step.after}
        futures[step.name] = [_submit(each, scope, before, notes) for each in _spread(step, scope, before)]
    wait([future for group in futures.values() for future in group])
    outcomes = [_ended(future) for group in futures.values() for future in group]
    failed = [each for each in outcomes if each.status == "Failed"]
    status = phase(steps, {name: merge(name, map(_ended, group)).status for name, group in futures.items()})
    if handler:
        failures = [{"displayName": each.name, "message": each.message} for each in failed]
        end = {"workflow.status": status, "workflow.failures": json.dumps(json.dumps(failures))}
        last = _submit(handler, {**scope, **end}, {}, notes)
        wait([last])
        outcomes.append(_ended(last))
    run = Run(scope["workflow.name"], status, time.monotonic() - begun, outcomes)
    notes.recorder.finish(status)
    if status == "Failed":
        raise RunError(run)
    return run


def phase(steps: list[dag.Step], status: Mapping[str, str]) -> str:
    """How a run ended, by Argo's rule: as its last steps did; one that was omitted counts as those before it.

    Args:
        steps: The tasks, each after those that it depends on.
        status: How each of them ended.
    """
    branch: dict[str, str] = {}
    for step in steps:
        own = status[step.name]
        before = [branch[each] for each in step.after]
        branch[step.name] = "Failed" if own == "Failed" or (own == "Omitted" and "Failed" in before) else "Succeeded"
    last = branch.keys() - {each for step in steps for each in step.after}
    return "Failed" if any(branch[each] == "Failed" for each in last) else "Succeeded"


def _spread(step: dag.Step, scope: dict[str, str], before: Mapping[str, list[Future]]) -> list[dag.Step]:
    """The step itself, or one for each of its items, for which those before it must have ended."""
    if not step.items:
        return [step]
    wait([future for group in before.values() for future in group])
    ended = {name: merge(name, map(_ended, group)) for name, group in before.items()}
    if not conditions.depends_holds(step.depends, {name: each.status for name, each in ended.items()}):
        return [step]  # it will be omitted as a whole
    return step.each({**scope, **_results(ended.values())})


def _submit(step: dag.Step, scope: dict[str, str], before: Mapping[str, list[Future]], notes: Notes) -> Future:
    given = {name: [allow_failure(future) for future in group] for name, group in before.items()}
    return _task(step, notes).submit(step, scope, cast(Any, given))


def _task(step: dag.Step, notes: Notes) -> Task[..., Any]:
    def perform(step: dag.Step, scope: dict[str, str], before: Mapping[str, list[object]]) -> Outcome | State[Outcome]:
        if step.name in notes.kept:
            return Completed(name="Kept", data=notes.kept[step.name])
        notes.recorder.begin(step.name)
        try:
            ended = _perform(step, scope, before)
        except CommandError as error:
            notes.recorder.end(error.outcome)
            raise
        notes.recorder.end(_as_outcome(ended.data if isinstance(ended, State) else ended))
        return ended

    return task(
        name=step.name,
        task_run_name=lambda: step.name,  # a plain text would be formatted, and an item may hold braces
        retries=step.retries,
        retry_delay_seconds=exponential_backoff(backoff_factor=5) if step.retries else None,
        retry_condition_fn=_may_try_again,
    )(perform)


def _perform(step: dag.Step, scope: dict[str, str], before: Mapping[str, list[object]]) -> Outcome | State[Outcome]:
    """Run one step, unless those before it or its own condition forbid it."""
    tries = _tries()
    ended = {name: merge(name, map(_as_outcome, group)) for name, group in before.items()}
    try:
        if not conditions.depends_holds(step.depends, {name: each.status for name, each in ended.items()}):
            return Completed(name="Omitted", data=Outcome(step.name, "Omitted"))
        scope = {**scope, **_results(ended.values())}
        if not step.holds(scope):
            return Completed(name="Skipped", data=Outcome(step.name, "Skipped"))
        scope["retries"] = str(tries - 1)
        return replace(command.run(step.name, step.command(scope), step.seconds), tries=tries)
    except CommandError as error:
        raise CommandError(replace(error.outcome, tries=tries)) from error
    except JobError as error:  # the workflow itself is wrong: another try would be, too
        raise CommandError(Outcome(step.name, "Failed", UsageError.status, message=str(error))) from error


def merge(name: str, outcomes: Iterable[Outcome]) -> Outcome:
    """What the step `name` came to: its own outcome, or that of all its items with the list of their results.

    As in Argo, each result must be JSON to become part of the list; else nobody can read it.
    """
    found = list(outcomes)
    if len(found) == 1 and found[0].name == name:
        return found[0]
    worst = min((each.status for each in found), key=SEVERITY.index, default="Skipped")
    try:
        results = [json.loads(each.result or "") for each in found if each.status == "Succeeded"]
    except ValueError:
        return Outcome(name, worst, result=None)
    return Outcome(name, worst, result=json.dumps(results, separators=(",", ":")))


SEVERITY = ("Failed", "Succeeded", "Skipped", "Omitted")


def _results(ended: Iterable[Outcome]) -> dict[str, str]:
    """What later steps may read of earlier ones."""
    known: dict[str, str] = {}
    for each in ended:
        known[f"tasks.{each.name}.status"] = each.status
        if each.status == "Succeeded" and each.result is not None:
            known[f"tasks.{each.name}.outputs.result"] = each.result
        for name, value in each.parameters.items():
            known[f"tasks.{each.name}.outputs.parameters.{name}"] = value
    return known


def _may_try_again(_: Task[..., Any], __: TaskRun, state: State[Outcome]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, CommandError) and error.outcome.exit_status not in VERDICTS and not command.ENDED


def _ended(future: Future) -> Outcome:
    return _as_outcome(future.state.result(raise_on_failure=False))


def _as_outcome(result: object) -> Outcome:
    if isinstance(result, Outcome):
        return result
    if isinstance(result, CommandError):
        return result.outcome
    return Outcome("a bug", "Failed", message=repr(result))


def _tries() -> int:
    context = TaskRunContext.get()
    return context.task_run.run_count if context else 1


def _run_name() -> str:
    context = FlowRunContext.get()
    return context.flow_run.name if context and context.flow_run else "run"


def _doc(model: argo.WorkflowTemplate) -> str:
    lines = [f"    {name}: {each.description}" for name, each in dag.parameters(model).items()]
    return "\n".join([f"The workflow {model.metadata.name}, on this machine.", "", "Args:", *lines])
