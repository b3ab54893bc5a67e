"""Every job keeps the promises that the command line, Argo and Prefect rely on."""

import inspect
import re
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from jobs import catalogue
from jobs.cli import command_line
from jobs.job import Job
from workflows.step import template

SAMPLES = {str: "a b", int: 3, float: 0.5, bool: True, date: date(2026, 1, 2), Path: Path("x")}
IMAGES = Path(__file__).parents[1] / "images"

every_job = pytest.mark.parametrize("job", [*catalogue.all_jobs()], ids=lambda job: job.name)


def sample(option: inspect.Parameter) -> object:
    if get_origin(option.annotation) is Literal:
        return get_args(option.annotation)[-1]
    return SAMPLES[option.annotation]  # a KeyError here: no other type can be spelled --name=value


@every_job
def test_argo_spells_options_as_the_command_line_reads_them(job: Job[..., Any]) -> None:
    given = {name: sample(option) for name, option in job.options.items()}
    args = template(job).args or []
    for name, value in given.items():
        args = [arg.replace(f"{{{{inputs.parameters.{name}}}}}", str(value)) for arg in args]

    _, bound, _ = command_line([job.noun]).parse_args([job.noun, job.verb, *args])

    assert bound.arguments == given


@every_job
def test_every_option_is_explained(job: Job[..., Any]) -> None:
    text = inspect.getdoc(job.run) or ""

    assert [name for name in job.options if f"{name}:" not in text] == []


@every_job
def test_a_name_is_a_noun_and_a_verb(job: Job[..., Any]) -> None:
    assert re.fullmatch("[a-z]+-[a-z]+", job.name)


@every_job
def test_a_job_runs_in_an_image_that_exists(job: Job[..., Any]) -> None:
    assert (IMAGES / job.image / "Dockerfile").is_file()


def test_a_job_is_still_a_function() -> None:
    from jobs.runs import report

    failures = r'"[{\"displayName\": \"a\", \"message\": \"b\", \"phase\": \"Failed\"}]"'
    assert report("w-1", "Failed", failures).failures == {"a": "b"}
    assert report("w-1", "Succeeded", '"null"').failures == {}
