"""Generators of events, one module a dataset: pure, and without Spark, so that they fit the small image.

An event's id, the first field of its JSON or its key, says the seed and its number: whoever sees it knows which it is.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from jobs.errors import UsageError

OPENING = '{"event_id":"%d-'


class Generator(Protocol):
    """What a module of this package offers."""

    TOPIC: str
    """Where its events go unless somebody says otherwise."""

    def events(self, seed: int, numbers: range) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of the events with these numbers; the same seed and number are always the same event."""
        ...

    def number(self, key: bytes | None, value: bytes | None, seed: int) -> int | None:
        """The number of a generated event; None if it is not one of this seed."""
        ...


def named(dataset: str) -> Generator:
    """The generator of a dataset.

    Raises:
        UsageError: It has none.
    """
    name = f"{__name__}.{dataset}"
    try:
        return cast(Generator, import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UsageError(
            f"{dataset} has no generator: its events come from elsewhere",
            hint=f"headrace replay send --dataset={dataset} --file=FILE, one event a line",
        ) from error


def number_within(value: bytes | None, seed: int) -> int | None:
    """The number of an event whose id is the first field of its JSON."""
    opening = (OPENING % seed).encode()
    if value is None or not value.startswith(opening):
        return None
    digits = value[len(opening) : value.find(b'"', len(opening))]
    return int(digits) if digits.isdigit() else None
