"""A workflow read as a plan, without running anything."""

from typing import cast

import pytest
from hera.workflows import DAG, Container, Parameter, RetryStrategy, Task, WorkflowTemplate
from hera.workflows import models as argo

from flows import dag
from jobs.errors import JobError
from workflows.__main__ import templates


def model(**task: object) -> argo.WorkflowTemplate:
    """Two tasks, the second after the first and with these arguments more."""
    with WorkflowTemplate(name="w", entrypoint="main", arguments=[Parameter(name="x", value="1")]) as workflow:
        echo = Container(
            name="echo",
            image="i",
            command=["echo"],
            args=["{{inputs.parameters.word}}", "{{workflow.parameters.x}}"],
            inputs=[Parameter(name="word", default="none", enum=["none", "a", "1"])],
            retry_strategy=RetryStrategy(limit=2),
            active_deadline_seconds=60,
        )
        with DAG(name="main"):
            first = Task(name="first", template=echo)
            second = Task(name="second", template=echo, **task)  # type: ignore[arg-type]
            first.next(second)
    return cast(argo.WorkflowTemplate, workflow.build())


SCOPE = {"workflow.parameters.x": "7", "tasks.first.outputs.result": "1"}


def test_steps_come_in_the_order_of_their_dependencies() -> None:
    first, second = dag.steps(model())

    assert (first.name, set(first.after)) == ("first", set())
    assert (second.name, set(second.after)) == ("second", {"first"})
    assert (first.retries, first.seconds) == (2, 60)


def test_a_default_stands_where_no_argument_is_given() -> None:
    assert dag.steps(model())[1].command(SCOPE).words == ["echo", "none", "7"]


def test_an_argument_may_be_another_steps_result() -> None:
    steps = dag.steps(model(arguments={"word": "{{tasks.first.outputs.result}}"}))

    assert steps[1].command(SCOPE).words == ["echo", "1", "7"]


def test_a_tag_that_nothing_stands_behind_is_an_error() -> None:
    with pytest.raises(JobError, match=r"\{\{tasks.third.outputs.result\}\}"):
        dag.steps(model(arguments={"word": "{{tasks.third.outputs.result}}"}))[1].command(SCOPE)


def test_a_value_outside_the_choices_is_an_error() -> None:
    with pytest.raises(JobError, match=r"second: word is 'b', not one of"):
        dag.steps(model(arguments={"word": "b"}))[1].command(SCOPE)


def test_what_is_not_supported_is_refused_by_name() -> None:
    with pytest.raises(JobError, match="second: the local run doesn't support with_sequence"):
        dag.steps(model(with_sequence={"count": "2"}))


def test_a_step_is_run_once_for_each_of_its_items() -> None:
    spread = dag.steps(model(with_items=["a", 1], arguments={"word": "{{item}}"}))[1].each(SCOPE)

    assert [each.name for each in spread] == ["second(0:a)", "second(1:1)"]
    assert [each.command(SCOPE).words[1] for each in spread] == ["a", "1"]


def test_items_that_are_no_list_are_an_error() -> None:
    step = dag.steps(model(with_param="{{tasks.first.outputs.result}}"))[1]

    with pytest.raises(JobError, match="second: withParam is no JSON list: 1"):
        step.each(SCOPE)


@pytest.mark.parametrize("name", templates())
def test_each_of_our_pipelines_can_be_run_without_a_cluster(name: str) -> None:
    workflow = cast(argo.WorkflowTemplate, templates()[name].build())
    assert dag.steps(workflow)
    assert dag.exit_handler(workflow)
