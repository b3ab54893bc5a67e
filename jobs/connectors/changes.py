"""The difference between declared and actual connectors: pure."""

from collections.abc import Mapping

from rich.markup import escape

from jobs import plans
from jobs.connectors.rules import hidden
from jobs.plans import Setting


class Change(plans.Change):
    """What must be done to one connector; what is secret is hidden."""

    connector: str
    settings: tuple[Setting, ...] = ()
    state: Setting | None = None


class Plan(plans.Plan[Change]):
    """All that must be done to make Connect match the file. Nothing is ever deleted."""

    def text(self) -> str:
        """The plan as terraform would print it."""
        if not self.changes:
            return f"no changes: {self.declared} connectors are as {escape(self.file)} declares them"
        lines: list[str] = []
        for change in self.changes:
            new = change.action == "create"
            lines.append(f"{plans.SIGNS[change.action]} {escape(change.connector)}")
            for each in (*change.settings, *filter(None, [change.state])):
                before, after = each.before or "(unset)", each.after or "(unset)"
                lines.append(f"    {escape(each.name)}: {escape(after if new else f'{before} -> {after}')}")
        return "\n".join([*lines, self.summary()])


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
