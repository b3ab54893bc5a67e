"""The difference between declared and actual connectors, and what a status means: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field
from rich.markup import escape

from jobs.connectors.rules import hidden

WORST = ("FAILED", "UNASSIGNED", "RESTARTING", "STOPPED", "PAUSED", "RUNNING")
"""States from worst to best; a connector is no better than the worst of itself and its tasks."""


class Frozen(BaseModel):
    """A value that can be saved and read again."""

    model_config = ConfigDict(frozen=True)


class Setting(Frozen):
    """One setting, before and after; None is not set. What is secret is hidden."""

    name: str
    before: str | None
    after: str | None


class Change(Frozen):
    """What must be done to one connector."""

    connector: str
    action: Literal["create", "change"]
    settings: tuple[Setting, ...] = ()


class Plan(Frozen):
    """All that must be done to make Connect match the file. Nothing is ever deleted."""

    file: str
    declared: int
    changes: tuple[Change, ...]
    applied: bool = False

    @computed_field
    @property
    def create(self) -> int:
        """How many connectors are made."""
        return sum(change.action == "create" for change in self.changes)

    @computed_field
    @property
    def change(self) -> int:
        """How many connectors are altered."""
        return sum(change.action == "change" for change in self.changes)

    def text(self) -> str:
        """The plan as terraform would print it."""
        if not self.changes:
            return f"no changes: {self.declared} connectors are as {escape(self.file)} declares them"
        lines: list[str] = []
        for change in self.changes:
            new = change.action == "create"
            sign = "[green]+[/green]" if new else "[yellow]~[/yellow]"
            lines.append(f"{sign} {escape(change.connector)}")
            for each in change.settings:
                before, after = each.before or "(unset)", each.after or "(unset)"
                lines.append(f"    {escape(each.name)}: {escape(after if new else f'{before} -> {after}')}")
        said = "created, {} changed, 0 deleted" if self.applied else "to create, {} to change, 0 to delete"
        return "\n".join([*lines, f"{self.create} {said.format(self.change)}"])


@dataclass(frozen=True)
class State:
    """How a connector is: no better than the worst of itself and its tasks."""

    name: str
    state: str
    kind: str
    tasks: str
    cause: str


def diff(declared: Mapping[str, Mapping[str, str]], actual: Mapping[str, Mapping[str, str]], file: str) -> Plan:
    """What to do so that the declared connectors are as declared; others are left alone."""
    changes: list[Change] = []
    for name, config in declared.items():
        before = actual.get(name, {})
        settings = tuple(
            Setting(name=key, before=hidden(key, before.get(key)), after=hidden(key, config.get(key)))
            for key in sorted(config.keys() | before.keys())
            if before.get(key) != config.get(key)
        )
        if settings:
            action = "change" if name in actual else "create"
            changes.append(Change(connector=name, action=action, settings=settings))
    return Plan(file=file, declared=len(declared), changes=tuple(changes))


def judge(name: str, status: Mapping[str, Any] | None) -> State:
    """What Connect's status of a connector comes to."""
    if status is None:
        return State(name=name, state="MISSING", kind="", tasks="0/0", cause="")
    parts: list[Mapping[str, Any]] = [status["connector"], *status["tasks"]]
    states = [str(part["state"]) for part in parts]
    worst = min(states, key=lambda state: WORST.index(state) if state in WORST else 0)
    if worst == "RUNNING" and len(parts) == 1:
        worst = "UNASSIGNED"  # it has no task yet, so it carries nothing
    return State(
        name=name,
        state=worst,
        kind=str(status.get("type", "")),
        tasks=f"{states[1:].count('RUNNING')}/{len(parts) - 1}",
        cause=next((root_cause(str(part["trace"])) for part in parts if part.get("trace")), ""),
    )


def root_cause(trace: str) -> str:
    """The first line of the last cause in a Java stack trace."""
    causes = [line for line in trace.splitlines() if line.startswith("Caused by: ")]
    return (causes[-1].removeprefix("Caused by: ") if causes else trace.partition("\n")[0]).strip()
