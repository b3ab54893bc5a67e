"""Argo's two kinds of condition: `depends`, over the status of tasks, and `when`, over values. No I/O."""

import ast
import operator
import re
from collections.abc import Callable, Mapping

from jobs.errors import JobError

TASK = re.compile(r"([A-Za-z0-9_-]+)(?:\.(\w+))?")
STATUSES = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned")
PLAIN = ("Succeeded", "Skipped", "Daemoned")
"""What a task's bare name in `depends` stands for."""

COMPARISON = re.compile(r"^(.*?)(==|!=|<=|>=|<|>)(.*)$", re.DOTALL)
COMPARE: dict[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": lambda one, other: float(str(one)) <= float(str(other)),
    ">=": lambda one, other: float(str(one)) >= float(str(other)),
    "<": lambda one, other: float(str(one)) < float(str(other)),
    ">": lambda one, other: float(str(one)) > float(str(other)),
}


def names(depends: str) -> frozenset[str]:
    """The tasks that an expression such as `a && (b.Failed || !c)` speaks of.

    Raises:
        JobError: It asks for a status that there is not.
    """
    for name, status in TASK.findall(depends):
        if status and status not in STATUSES:
            raise JobError(f"the local run doesn't support `depends: {depends}`: {name}.{status} is none of {STATUSES}")
    return frozenset(name for name, _ in TASK.findall(depends))


def depends_holds(depends: str, status: Mapping[str, str]) -> bool:
    """Whether a task may run, given how those before it ended."""

    def value(task: re.Match[str]) -> str:
        wanted = (task[2],) if task[2] else PLAIN
        return str(status[task[1]] in wanted)

    return not depends or _boolean(TASK.sub(value, depends), depends)


def when_holds(when: str) -> bool:
    """Whether `when` holds once its tags are replaced: comparisons, joined by && and ||.

    Raises:
        JobError: It is something else.
    """
    parts = re.split(r"(&&|\|\|)", when)
    values = [part if part in ("&&", "||") else str(_compared(part.strip(), when)) for part in parts]
    return _boolean(" ".join(values), when)


def _compared(text: str, when: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    if not (found := COMPARISON.match(text)) or not (found[1].strip() and found[3].strip()):
        raise JobError(f"the local run doesn't support `when: {when}`: write comparisons, joined by && and ||")
    left, right = (_value(found[side].strip()) for side in (1, 3))
    try:
        return COMPARE[found[2]](left, right)
    except ValueError as error:
        raise JobError(f"`when: {when}` compares what is no number") from error


def _value(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text.strip("'\"")


def _boolean(text: str, given: str) -> bool:
    python = text.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    try:
        return _evaluate(ast.parse(python.strip(), mode="eval").body)
    except (SyntaxError, KeyError, TypeError) as error:
        raise JobError(f"the local run cannot read the condition `{given}`") from error


def _evaluate(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=bool(value)):
            return value
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _evaluate(operand)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(map(_evaluate, values))
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(map(_evaluate, values))
        case _:
            raise TypeError(ast.dump(node))
