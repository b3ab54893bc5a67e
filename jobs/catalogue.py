"""Every job there is, found by its module: nothing is registered."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import jobs
from jobs.job import Job


def nouns() -> list[str]:
    """The modules of this package, in order of name; some are clients, and hold no job."""
    return [module.name for module in pkgutil.iter_modules(jobs.__path__)]


def jobs_of(noun: str) -> list[Job[..., Any]]:
    """The jobs that a module declares, in the order of its text.

    Raises:
        ModuleNotFoundError: The module needs a package that this image leaves out.
    """
    module = import_module(f"jobs.{noun}")
    return [
        member
        for member in vars(module).values()
        if isinstance(member, Job) and member.run.__module__ == module.__name__
    ]


def all_jobs() -> Iterator[Job[..., Any]]:
    """Every job of every noun."""
    for noun in nouns():
        yield from jobs_of(noun)


def markdown() -> str:
    """The catalogue as the README shows it."""
    rows = ["| job | runs in | needs | does |", "| --- | --- | --- | --- |"]
    for job in all_jobs():
        rows.append(f"| `{' '.join(job.command[1:])}` | {job.image} | {', '.join(job.needs)} | {job.summary} |")
    return "\n".join(rows)
