"""Whether a workflow's parameters have values that its steps can take, before anything is begun."""

from collections.abc import Mapping

from cyclopts import CycloptsError

from flows import dag
from flows.local import rendered
from jobs import cli
from jobs.errors import JobError, UsageError
from workflows.__main__ import templates


def check(workflow: str, given: Mapping[str, str]) -> None:
    """Read the command line of every step that is known already, as the step itself will.

    Raises:
        UsageError: A step cannot take the value of a parameter.
    """
    model = rendered(templates()[workflow])
    values = {name: str(each.value) for name, each in dag.parameters(model).items()} | dict(given)
    scope = {"workflow.name": workflow} | {f"workflow.parameters.{name}": value for name, value in values.items()}
    for step in dag.steps(model):
        tags = {tag for value in step.arguments.values() for tag in dag.TAG.findall(value)}
        if not tags <= scope.keys():
            continue  # what it is given, an earlier step will say
        try:
            words = step.command(scope).words
            if words[0] == "headrace":
                cli.command_line(words[1:]).parse_args(words[1:], exit_on_error=False, print_error=False)
        except (CycloptsError, JobError) as error:
            given_here = [f"{name}={value}" for name, value in given.items()]
            raise UsageError(
                f"{step.name} cannot take {' '.join(given_here) or 'its defaults'}: {error}",
                hint=f"{' '.join(['headrace', step.name.replace('-', ' ', 1), '--help'])}",
            ) from error
