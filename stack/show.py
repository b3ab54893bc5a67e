"""What the stack's commands say: one line a fact on stderr, results as plain columns on stdout."""

import sys
from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

from cyclopts import App, CycloptsError

from jobs import output
from jobs.errors import JobError, UsageError


def say(line: str) -> None:
    """Tell one fact, now."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def columns(rows: Sequence[Any]) -> str:
    """Dataclasses of one type as lines under the names of their fields."""
    if not rows:
        return ""
    cells = [[field.name for field in fields(rows[0])]]
    cells += [[str(cell) for cell in astuple(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def main(app: App) -> None:
    """Run an application of the stack; print its result, or what stopped it, and exit with the verdict."""
    try:
        result = app(exit_on_error=False, print_error=False)
    except (CycloptsError, JobError) as error:
        failed = error if isinstance(error, JobError) else UsageError(str(error), hint=f"{app.name[0]} --help")
        _print(failed.result)
        output.fail(failed, as_json=False)
        sys.exit(failed.status)
    _print(result)


def _print(result: object) -> None:
    if isinstance(result, list) and result:
        sys.stdout.write(columns(result) + "\n")  # pyright: ignore[reportUnknownArgumentType]
