"""Reads a Dockerfile, so that what users build is also what this tier builds."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

KNOWN = ("COPY", "ENTRYPOINT", "ENV", "FROM", "RUN", "USER", "WORKDIR")


@dataclass(frozen=True)
class Instruction:
    """One line: `COPY`, and what follows it."""

    verb: str
    rest: str

    @property
    def words(self) -> list[str]:
        """What follows, as a list: the exec form, or words."""
        return json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)


@dataclass(frozen=True)
class Dockerfile:
    """Its instructions, in order."""

    path: Path
    instructions: tuple[Instruction, ...]

    def last(self, verb: str) -> Instruction | None:
        """The instruction that holds in the end."""
        return next((each for each in reversed(self.instructions) if each.verb == verb), None)

    @property
    def base(self) -> str:
        """The image it starts from."""
        return self.instructions[0].rest

    @property
    def python(self) -> str:
        """The Python of the official image that it starts from, such as `3.11`.

        Raises:
            ValueError: It starts from something else.
        """
        if not (found := re.fullmatch(r"python:(\d+\.\d+)-slim-bookworm", self.base)):
            raise ValueError(f"{self.path}: FROM {self.base} is not an image that the cluster tier can make")
        return found[1]

    @property
    def environment(self) -> dict[str, str]:
        """What its ENV lines set."""
        words = [word for each in self.instructions if each.verb == "ENV" for word in each.words]
        return {name: value for name, _, value in (word.partition("=") for word in words)}


def read(path: Path) -> Dockerfile:
    """Parse a Dockerfile of one stage.

    Raises:
        ValueError: It has an instruction that this tier does not follow.
    """
    text = re.sub(r"\\\n", " ", path.read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    instructions = tuple(Instruction(*line.split(maxsplit=1)) for line in lines)
    unknown = [each.verb for each in instructions if each.verb not in KNOWN]
    if unknown or [each.verb for each in instructions].count("FROM") != 1 or instructions[0].verb != "FROM":
        raise ValueError(f"{path}: one FROM, then {', '.join(KNOWN)}; not {', '.join(unknown) or 'stages'}")
    return Dockerfile(path, instructions)
