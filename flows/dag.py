"""A rendered workflow read as a plan: what runs, after what, with which command line. No I/O."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from pathlib import PurePosixPath
from typing import cast

from hera.workflows import models as argo
from pydantic import TypeAdapter

from flows import conditions
from jobs.errors import JobError

TAG = re.compile(r"\{\{\s*([^}]+?)\s*\}\}")
SUPPORTED_TASK = {"name", "template", "arguments", "depends", "when", "with_items", "with_param"}
SUPPORTED_TEMPLATE = {
    "name",
    "metadata",
    "container",
    "inputs",
    "outputs",
    "retry_strategy",
    "active_deadline_seconds",
    "service_account_name",
    "automount_service_account_token",
}
SUPPORTED_SPEC = {  # what only a cluster needs is left to it: labels, accounts, volumes, security, cleaning up
    "entrypoint",
    "templates",
    "arguments",
    "on_exit",
    "service_account_name",
    "automount_service_account_token",
    "executor",
    "pod_metadata",
    "pod_gc",
    "ttl_strategy",
    "active_deadline_seconds",
    "security_context",
    "volumes",
}


@dataclass(frozen=True)
class Command:
    """What one step runs.

    Args:
        words: Its command line.
        variables: What its container adds to the environment.
        files: The output parameters that it writes, each with the path that its command line names.
    """

    words: list[str]
    variables: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class Step:
    """One task of the DAG, as far as it is known before the run.

    Args:
        name: The task's name; of one of several items, `name(0:item)`.
        template: What it runs.
        arguments: The values given, with tags such as `{{tasks.x.outputs.result}}` in them.
        depends: How those before it must have ended.
        when: A condition on values, with tags in it.
        items: What it is run for each of: a JSON list, or a tag that stands for one.
        tags: What the tags of one item stand for.
    """

    name: str
    template: argo.Template
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    depends: str = ""
    when: str = ""
    items: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def after(self) -> frozenset[str]:
        """The tasks that it waits for."""
        return conditions.names(self.depends)

    @property
    def retries(self) -> int:
        """How often to try again."""
        retry = self.template.retry_strategy
        return _number(retry.limit if retry else None) or 0

    @property
    def seconds(self) -> int | None:
        """How long one try may take."""
        return _number(self.template.active_deadline_seconds)

    def each(self, scope: Mapping[str, str]) -> list["Step"]:
        """The step once for each of its items, named as Argo names them.

        Raises:
            JobError: The items are no JSON list.
        """
        text = fill(self.items, scope)
        try:
            items = TypeAdapter(list[object]).validate_json(text)
        except ValueError as error:
            raise JobError(f"{self.name}: withParam is no JSON list: {text[:200]}") from error
        return [
            replace(self, name=f"{self.name}({number}:{_title(item)})", items="", tags=_item(item))
            for number, item in enumerate(items)
        ]

    def holds(self, scope: Mapping[str, str]) -> bool:
        """Whether its `when` holds."""
        return not self.when or conditions.when_holds(fill(self.when, {**scope, **self.tags}))

    def command(self, scope: Mapping[str, str]) -> Command:
        """What its container runs, tags replaced.

        Args:
            scope: What the tags stand for: `workflow.parameters.x`, `tasks.x.outputs.result`.

        Raises:
            JobError: A parameter has no value, or one that its choices leave out.
        """
        scope = {**scope, **self.tags}
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
        # What a variable takes from its pod there is nothing to take from here.
        variables = {each.name: fill(each.value or "", inputs) for each in run.env or [] if not each.value_from}
        files = {
            each.name: str(PurePosixPath(str(each.value_from and each.value_from.path)))
            for each in (self.template.outputs and self.template.outputs.parameters) or []
        }
        return Command([fill(word, inputs) for word in words], variables, files)


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
    _refuse(str(workflow.metadata.name), workflow.spec, SUPPORTED_SPEC)
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
    return Step(f"{name} (exit)", template)


def parameters(workflow: argo.WorkflowTemplate) -> dict[str, argo.Parameter]:
    """The arguments of the workflow by name."""
    arguments = workflow.spec.arguments
    return {each.name: each for each in (arguments and arguments.parameters) or []}


def _step(task: argo.DAGTask, templates: Mapping[str, argo.Template]) -> Step:
    _refuse(task.name, task, SUPPORTED_TASK)
    template = templates[str(task.template)]
    _refuse(task.name, template, SUPPORTED_TEMPLATE)
    given = (task.arguments and task.arguments.parameters) or []
    items = json.dumps([_plain(item) for item in task.with_items]) if task.with_items else task.with_param
    return Step(
        task.name,
        template,
        {each.name: str(each.value) for each in given},
        task.depends or "",
        task.when or "",
        items or "",
    )


def _refuse(name: str, model: argo.DAGTask | argo.Template | argo.WorkflowSpec, supported: set[str]) -> None:
    if unknown := model.model_fields_set - supported - {key for key, value in model if value is None}:
        raise JobError(f"{name}: the local run doesn't support {', '.join(sorted(unknown))}")


def _plain(item: object) -> object:
    """An item as JSON knows it; the models wrap it."""
    return _plain(getattr(item, "root")) if hasattr(item, "root") else item  # noqa: B009


def _item(item: object) -> dict[str, str]:
    """What `{{item}}` and `{{item.key}}` stand for."""
    keys = cast(dict[str, object], item) if isinstance(item, dict) else {}
    return {"item": _shown(item)} | {f"item.{key}": _shown(value) for key, value in keys.items()}


def _title(item: object) -> str:
    keys = cast(dict[str, object], item) if isinstance(item, dict) else {}
    return ",".join(f"{key}:{_shown(keys[key])}" for key in sorted(keys)) or _shown(item)


def _shown(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item, separators=(",", ":"))


def _number(value: argo.IntOrString | int | str | None) -> int | None:
    plain = value.root if isinstance(value, argo.IntOrString) else value
    return None if plain is None else int(plain)
