"""The command line: `headrace NOUN VERB --option=value`, made from the jobs themselves."""

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from jobs import catalogue, completion, log, output, settings
from jobs.errors import JobError, UsageError
from jobs.job import Job

# Commands of this machine rather than jobs of a pipeline: they start jobs, so no scheduler runs them.
LOCAL = {
    "run": "flows.run:run",
    "retry": "flows.retry:retry",
    "report": "flows.report:report",
    "doctor": "stack.doctor:doctor",
    "completion": "jobs.completion:completion",
    "backfill": "flows.backfill.cli:app",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the arguments name, and exit with its verdict."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    log.configure()
    settings.load_dotenv_file()
    sys.exit(launch(arguments))


def launch(arguments: list[str]) -> int:
    """Run what the arguments name, print its result, and return the exit status."""
    app = command_line(arguments)
    status = 0

    @app.meta.default
    def meta(  # pyright: ignore[reportUnusedFunction]
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        output_as: Annotated[
            Literal["auto", "table", "json"],
            Parameter(name="--output", help="Table or JSON; auto is a table on a terminal."),
        ] = "auto",
    ) -> None:
        nonlocal status
        status = run(lambda: app(tokens, exit_on_error=False, print_error=False), output_as)

    app.meta(arguments, result_action="return_none")
    return status


def run(work: Callable[[], object], output_as: Literal["auto", "table", "json"]) -> int:
    """Do the work, print its result on stdout or what stopped it on stderr, and judge it."""
    as_json = output_as == "json" or (output_as == "auto" and not sys.stdout.isatty())
    try:
        output.show(work(), as_json=as_json)
    except CycloptsError as error:
        output.fail(UsageError(str(error), hint="headrace --help"), as_json=output_as == "json")
        return UsageError.status
    except JobError as error:
        if error.result is not None:
            output.show(error.result, as_json=as_json)
        output.fail(error, as_json=output_as == "json")
        return error.status
    return 0


def command_line(arguments: Iterable[str] = ()) -> App:
    """The application: all nouns, or only the one that the arguments name, which starts faster."""
    app = App(
        name="headrace",
        help="Jobs, workflows and flows between Telegram, Kafka, Spark and SQS.",
        version=_version,
        result_action="return_value",
    )
    known = catalogue.nouns()
    noun = next((word for word in arguments if word in known), None)
    for name in [noun] if noun else known:
        try:
            jobs = catalogue.jobs_of(name)
        except ModuleNotFoundError:
            if name == noun:
                raise
            continue  # its jobs run in another image
        if jobs:
            app.command(_noun(name, jobs))
    for name, where in LOCAL.items():
        app.command(where, name=name)
    return app


def _version() -> str:
    try:
        return version("headrace")
    except PackageNotFoundError:  # an image holds the folders, not the package
        return "that of the image"


def _noun(name: str, jobs: list[Job[..., Any]]) -> App:
    app = App(name=name, help=sys.modules[jobs[0].run.__module__].__doc__)
    for job in jobs:
        app.command(job.run, name=job.verb)
    return app


def completing() -> App:
    """The application with a mark at each option whose value a service knows, for the shell's script."""
    app = command_line()
    for noun in catalogue.nouns():
        for job in catalogue.jobs_of(noun):
            marked = {
                name: option.replace(annotation=Annotated[option.annotation, Parameter(completer=lambda _: None)])
                if completion.live(noun, name)
                else option
                for name, option in job.options.items()
            }
            app[noun][job.verb].default_command = _signed(job, list(marked.values()))
    return app


def _signed(job: Job[..., Any], options: list[inspect.Parameter]) -> Callable[..., object]:
    """The job's function with other annotations."""

    def run(*args: Any, **kwargs: Any) -> object:
        return job.run(*args, **kwargs)

    run.__doc__, run.__name__ = job.run.__doc__, job.verb
    run.__annotations__ = {each.name: each.annotation for each in options}
    vars(run)["__signature__"] = inspect.Signature(options)
    return run
