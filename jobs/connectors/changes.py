"""The difference between declared and actual connectors: pure."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field
from rich.markup import escape

from jobs.connectors.rules import hidden


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
    state: Setting | None = None


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
            for each in (*change.settings, *filter(None, [change.state])):
                before, after = each.before or "(unset)", each.after or "(unset)"
                lines.append(f"    {escape(each.name)}: {escape(after if new else f'{before} -> {after}')}")
        said = "created, {} changed, 0 deleted" if self.applied else "to create, {} to change, 0 to delete"
        return "\n".join([*lines, f"{self.create} {said.format(self.change)}"])


def diff(
    declared: Mapping[str, Mapping[str, str]],
    actual: Mapping[str, Mapping[str, str]],
    file: str,
    *,
    wanted: Mapping[str, str] | None = None,
    targets: Mapping[str, str] | None = None,
) -> Plan:
    """What to do so that the declared connectors are as declared; others are left alone.

    Args:
        declared: Each declared connector's configuration by name.
        actual: The same as Connect has it.
        file: What declares them.
        wanted: What each declared connector should do; RUNNING when it says nothing.
        targets: What each is told to do now.
    """
    changes: list[Change] = []
    for name, config in declared.items():
        before = actual.get(name, {})
        settings = tuple(
            Setting(name=key, before=hidden(key, before.get(key)), after=hidden(key, config.get(key)))
            for key in sorted(config.keys() | before.keys())
            if before.get(key) != config.get(key)
        )
        state = _state(name in actual, (targets or {}).get(name), (wanted or {}).get(name, "RUNNING"))
        if settings or state:
            action = "change" if name in actual else "create"
            changes.append(Change(connector=name, action=action, settings=settings, state=state))
    return Plan(file=file, declared=len(declared), changes=tuple(changes))


def _state(there: bool, before: str | None, after: str) -> Setting | None:
    """How the state changes; a new connector runs unless something else is declared."""
    before = before or "RUNNING"
    if before == after:
        return None
    return Setting(name="(state)", before=before if there else None, after=after)
