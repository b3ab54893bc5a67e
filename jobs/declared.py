"""Declared state: YAML files that say what should exist, read strictly and blamed by line."""

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.errors import UsageError

Place = tuple[str | int, ...]
SECRET = re.compile("password|secret|token|credential|key$", re.IGNORECASE)
"""Keys of which the value is never repeated."""


class Strict(BaseModel):
    """What is declared means what it says: no unknown keys, and no `"6"` for 6."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class File(Generic[Model]):
    """What a file declares, and which line says it."""

    path: Path
    value: Model
    lines: dict[Place, int]

    def where(self, *place: str | int) -> str:
        """The line that says it: `topics.yaml:12`."""
        return _where(self.path, self.lines, place)

    def refuse(self, problems: list[tuple[Place, str]]) -> None:
        """Stop when there are problems, and name all of them.

        Raises:
            UsageError: There is at least one.
        """
        if problems:
            raise _malformed([f"{self.where(*place)}: {why}" for place, why in problems])


def home() -> Path:
    """The folder of all declared state: `HEADRACE_DECLARED`, or the one in this repository."""
    repository = Path(__file__).parent.parent
    return Path(os.environ.get("HEADRACE_DECLARED", repository / "k8s" / "base" / "declared"))


def find(file: Path) -> Path:
    """The file itself or, when it is not in the working directory, the one of that name in `home`.

    Raises:
        UsageError: There is neither.
    """
    places = [file] if file.is_absolute() else [file, home() / file]
    for place in places:
        if place.is_file():
            return place
    there = sorted(str(each.relative_to(home())) for each in home().rglob("*.yaml"))
    raise UsageError(
        f"no file {file}: looked for {' and '.join(str(each.absolute()) for each in places)}; "
        f"declared are: {', '.join(there) or 'none'}",
        hint="give --file, or set HEADRACE_DECLARED",
    )


def read(file: Path, model: type[Model]) -> File[Model]:
    """Read a declared file.

    Raises:
        UsageError: It is not there, not YAML, or not what the model allows; every line at fault is named.
    """
    path = find(file)
    try:
        text = path.read_text(encoding="utf-8")
        node, content = _parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _malformed([f"{path}:{line}: not YAML: {error.problem or error.context}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _malformed([f"{path}:1: not YAML in UTF-8: {error}"]) from error
    lines: dict[Place, int] = {}
    twice = [f"{path}:{line}: {key} is there twice" for key, line in _walk(node, (), lines)]
    if twice:
        raise _malformed(twice)
    try:
        return File(path, model.model_validate({} if content is None else content), lines)
    except ValidationError as error:
        names = _names(model)
        raise _malformed(
            [f"{_where(path, lines, each['loc'])}: {_key(each['loc'])}: {_why(each, names)}" for each in error.errors()]
        ) from error


def did_you_mean(word: str, known: Iterator[str] | list[str] | set[str]) -> str:
    """`; did you mean partitions?`, or nothing when nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _parse(text: str) -> tuple[yaml.Node | None, object]:
    """The document, parsed once: where things are, and what they say. By libyaml if it is there: ten times as fast."""
    kind: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = kind(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _malformed(problems: list[str]) -> UsageError:
    return UsageError("\n  ".join(problems), hint="mend the file, then run the same command again")


def _where(path: Path, lines: dict[Place, int], place: Place) -> str:
    for length in range(len(place), 0, -1):
        if line := lines.get(place[:length]):
            return f"{path}:{line}"
    return f"{path}:1"


def _walk(node: yaml.Node | None, place: Place, lines: dict[Place, int]) -> Iterator[tuple[str, int]]:
    """Note the line of every key and item, and yield the keys that one mapping has twice."""
    if isinstance(node, yaml.MappingNode):
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            here, line = (*place, str(key.value)), key.start_mark.line + 1
            if here in lines:
                yield str(key.value), line
            lines[here] = line
            yield from _walk(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(cast("list[yaml.Node]", node.value)):
            lines[(*place, index)] = item.start_mark.line + 1
            yield from _walk(item, (*place, index), lines)


def _key(place: Place) -> str:
    said = ""
    for part in place:
        said += f"[{part}]" if isinstance(part, int) else f".{part}" if said else part
    return said or "the file"


def _why(error: Any, names: set[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key{did_you_mean(str(error['loc'][-1]), names)}"
    if error["type"] == "missing":
        return "is required"
    given = error["input"]
    secret = any(SECRET.search(str(part)) for part in error["loc"])  # it may be one, in the wrong place
    shown = f", not {given!r}" if isinstance(given, str | int | float | bool) and not secret else ""
    return f"{error['msg']}{shown}"


def _names(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    parts: list[dict[str, Any]] = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}
