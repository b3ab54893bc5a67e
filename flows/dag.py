"""A rendered workflow read as a plan: what runs, after what, with which command line. No I/O."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import cast

from hera.workflows import models as argo

from jobs.errors import JobError

TAG = re.compile(r"\{\{\s*([^}]+?)\s*\}\}")
SUPPORTED_TASK = {"name", "template", "arguments", "depends"}
SUPPORTED_TEMPLATE = {
    "name",
    "container",
    "inputs",
    "retry_strategy",
    "active_deadline_seconds",
}


@dataclass(frozen=True)
class Step:
    """One task of the DAG, as far as it is known before the run.

    Args:
        name: The task's name.
        after: The tasks that must have succeeded.
        arguments: The values given, with tags such as `{{tasks.x.outputs.result}}` in them.
        template: What it runs.
    """

    name: str
    after: frozenset[str]
    arguments: Mapping[str, str]
    template: argo.Template

    @property
    def retries(self) -> int:
        """How often to try again."""
        retry = self.template.retry_strategy
        return _number(retry.limit if retry else None) or 0

    @property
    def seconds(self) -> int | None:
        """How long one try may take."""
        return _number(self.template.active_deadline_seconds)

    def command(self, scope: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """The command line and the variables of its container, tags replaced.

        Args:
            scope: What the tags stand for: `workflow.parameters.x`, `tasks.x.outputs.result`.
        """
        given = {name: fill(value, scope) for name, value in self.arguments.items()}
        inputs = dict(scope)
        for each in (self.template.inputs and self.template.inputs.parameters) or []:
            value = given.get(each.name, each.value if each.value is not None else each.default)
            if value is None:
                raise JobError(f"{self.name}: parameter {each.name} has no value")
            if each.enum and value not in each.enum:
                raise JobError(f"{self.name}: {each.name} is {value!r}, not one of {each.enum}")
            inputs[f"inputs.parameters.{each.name}"] = str(value)
        run = cast(argo.Container, self.template.container)
        words = [*(run.command or []), *(run.args or [])]
        variables = {each.name: fill(each.value or "", inputs) for each in run.env or []}
        return [fill(word, inputs) for word in words], variables


def fill(text: str, scope: Mapping[str, str]) -> str:
    """Replace every tag.

    Raises:
        JobError: A tag that nothing stands behind.
    """

    def value(tag: re.Match[str]) -> str:
        if tag[1] not in scope:
            raise JobError(f"nothing stands behind {tag[0]}: the local run knows {sorted(scope)}")
        return scope[tag[1]]

    return TAG.sub(value, text)


def steps(workflow: argo.WorkflowTemplate) -> list[Step]:
    """The tasks of the entrypoint in an order in which they can run.

    Raises:
        JobError: The workflow uses something that the local run doesn't support; it is named.
    """
    templates = {str(each.name): each for each in workflow.spec.templates or []}
    main = templates[str(workflow.spec.entrypoint)]
    if main.dag is None:
        raise JobError(f"{workflow.metadata.name}: the entrypoint {main.name} is not a DAG")
    found = {task.name: _step(task, templates) for task in main.dag.tasks}
    order = TopologicalSorter({name: each.after for name, each in found.items()}).static_order()
    return [found[name] for name in order]


def exit_handler(workflow: argo.WorkflowTemplate) -> Step | None:
    """What runs last, however the rest ended."""
    if (name := workflow.spec.on_exit) is None:
        return None
    template = next(each for each in workflow.spec.templates or [] if each.name == name)
    _refuse(name, template, SUPPORTED_TEMPLATE)
    return Step(f"{name} (exit)", frozenset(), {}, template)


def parameters(workflow: argo.WorkflowTemplate) -> dict[str, argo.Parameter]:
    """The arguments of the workflow by name."""
    arguments = workflow.spec.arguments
    return {each.name: each for each in (arguments and arguments.parameters) or []}


def _step(task: argo.DAGTask, templates: Mapping[str, argo.Template]) -> Step:
    _refuse(task.name, task, SUPPORTED_TASK)
    template = templates[str(task.template)]
    _refuse(task.name, template, SUPPORTED_TEMPLATE)
    given = (task.arguments and task.arguments.parameters) or []
    arguments = {each.name: str(each.value) for each in given}
    after = frozenset(_depends(task.name, task.depends or ""))
    return Step(task.name, after, arguments, template)


def _depends(name: str, expression: str) -> Iterator[str]:
    for word in filter(None, (part.strip() for part in expression.split("&&"))):
        if not re.fullmatch(r"[A-Za-z0-9-]+(\.Succeeded)?", word):
            raise JobError(f"{name}: the local run doesn't support `depends: {expression}`")
        yield word.removesuffix(".Succeeded")


def _refuse(name: str, model: argo.DAGTask | argo.Template, supported: set[str]) -> None:
    if unknown := model.model_dump(exclude_none=True).keys() - supported:
        raise JobError(f"{name}: the local run doesn't support {', '.join(sorted(unknown))}")


def _number(value: argo.IntOrString | int | str | None) -> int | None:
    plain = value.root if isinstance(value, argo.IntOrString) else value
    return None if plain is None else int(plain)
