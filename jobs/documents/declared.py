"""collections.yaml: the collections that should exist, what their documents must be, and what finds them."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from jobs.declared import File, Place, Strict, read

Name = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_.-]{0,119}$")]
# What drivers call a direction: 1 or -1, or a word such as text or 2dsphere.
Direction = Literal[1, -1, "text", "hashed", "2dsphere"]


def _pairs(value: object) -> object:
    """A mapping in the order in which it is written."""
    return tuple(value.items()) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] # YAML's own


class Index(Strict):
    """One index.

    Args:
        name: Its name; one that is there under another definition is a problem, not a change.
        keys: Fields and directions, in order.
        unique: Whether no two documents may have the same values.
        expire_after: Delete a document so many seconds after the time in its field.
    """

    name: Name
    keys: Annotated[tuple[tuple[str, Direction], ...], BeforeValidator(_pairs), Field(min_length=1)]
    unique: bool = False
    expire_after: Annotated[int, Field(ge=0)] | None = None


class Collection(Strict):
    """One collection as declared.

    Args:
        name: Its name.
        documents: A $jsonSchema that every document must keep; none is checked when it is left out.
        level: Which documents are checked: all, or only those that kept the schema before.
        indexes: What finds them, beside `_id`.
        description: What is in it.
    """

    name: Name
    documents: dict[str, Any] | None = None
    level: Literal["strict", "moderate"] = "strict"
    indexes: list[Index] = Field(default_factory=list[Index])
    description: str = ""


class Collections(Strict):
    """The whole file."""

    collections: list[Collection]


def load(file: Path) -> File[Collections]:
    """Read collections.yaml.

    Raises:
        UsageError: It is not there, or malformed, or names something twice.
    """
    found = read(file, Collections)
    problems: list[tuple[Place, str]] = []
    names: set[str] = set()
    for place, each in enumerate(found.value.collections):
        if each.name in names:
            problems.append((("collections", place, "name"), f"{each.name} is declared already"))
        names.add(each.name)
        indexes = [index.name for index in each.indexes]
        problems += [
            (("collections", place, "indexes", number, "name"), f"{name} is declared already")
            for number, name in enumerate(indexes)
            if name in indexes[:number]
        ]
    found.refuse(problems)
    return found
