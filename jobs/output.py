"""Results on stdout, for people as a table and for programs as JSON; errors on stderr."""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, cast, runtime_checkable

from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

from jobs.errors import JobError


@runtime_checkable
class Printable(Protocol):
    """A result that knows how a person wants to read it."""

    def text(self) -> str:
        """Lines for a terminal, in rich's markup."""
        ...


def show(result: object, *, as_json: bool) -> None:
    """Print a result: one JSON value on one line, or what a person reads."""
    if result is None:
        return
    if as_json:
        sys.stdout.write(to_json(result).decode() + "\n")
        return
    text = result.text() if isinstance(result, Printable) else _table(result)
    Console(soft_wrap=isinstance(text, str)).print(text)


def fail(error: JobError, *, as_json: bool) -> None:
    """Print what went wrong and what to do next."""
    if as_json:
        said = {"error": str(error), "hint": error.hint, "status": error.status}
        sys.stderr.write(json.dumps(said) + "\n")
        return
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print("[red]error:[/red]", end=" ")
    console.print(str(error), markup=False)
    if error.hint:
        console.print(f"next: {error.hint}", markup=False)


def _table(result: object) -> Table | str:
    if isinstance(result, list | tuple):
        rows = [_row(each) for each in cast(Sequence[object], result)]
        if not rows:
            return "nothing"
        table = Table(*rows[0].keys())
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        return table
    table = Table("", "")
    for name, value in _row(result).items():
        table.add_row(name, _cell(value))
    return table


def _row(value: object) -> dict[str, object]:
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(cast(dict[str, object], value)) if isinstance(value, dict) else {"result": value}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value).decode()
