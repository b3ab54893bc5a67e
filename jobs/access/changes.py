"""What must be done so that users may do what follows from the file, and nothing else: pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rich.markup import escape

from jobs import plans
from jobs.access.roles import Right


@dataclass(frozen=True)
class Holder:
    """One user, as it should be or as it is.

    Args:
        rights: What it may do.
        quotas: How much it may take, by Kafka's name of the quota.
        mechanisms: How it can prove that it knows its password.
        outdated: Its password is known, and is not the one that the cluster knows.
    """

    rights: frozenset[Right] = frozenset()
    quotas: Mapping[str, float] = field(default_factory=dict[str, float])
    mechanisms: frozenset[str] = frozenset()
    outdated: bool = False


class Change(plans.Change):
    """One thing that is given to a user, or taken from it; a password is never part of it."""

    user: str
    kind: Literal["right", "quota", "password"]
    what: str
    before: str | None = None
    after: str | None = None


class Plan(plans.Plan[Change]):
    """All that must be done to make the cluster's users match the file."""

    def text(self) -> str:
        """The plan as terraform would print it."""
        if not self.changes:
            return f"no changes: {self.declared} users are as {escape(self.file)} declares them"
        lines: list[str] = []
        for name in dict.fromkeys(each.user for each in self.changes):
            lines.append(f"User:{escape(name)}")
            lines += [
                f"  {plans.SIGNS[each.action]} {escape(_said(each))}" for each in self.changes if each.user == name
            ]
        return "\n".join([*lines, self.summary()])


def diff(declared: Mapping[str, Holder], actual: Mapping[str, Holder], file: str = "") -> Plan:
    """What to give and to take so that the declared users are as declared; others are left alone."""
    changes = [each for name, wanted in declared.items() for each in _of(name, wanted, actual.get(name, Holder()))]
    return Plan(file=file, declared=len(declared), changes=tuple(changes))


def _of(user: str, wanted: Holder, now: Holder) -> Iterator[Change]:
    for each in sorted(wanted.mechanisms - now.mechanisms):
        yield Change(user=user, kind="password", action="create", what=each)
    for each in sorted(wanted.mechanisms & now.mechanisms if now.outdated else ()):
        yield Change(user=user, kind="password", action="change", what=each)
    for right in sorted(wanted.rights - now.rights):
        yield Change(user=user, kind="right", action="create", what=str(right))
    yield from _limits(user, wanted, now)
    # What is taken away comes last: who is given another right meanwhile loses nothing.
    for right in sorted(now.rights - wanted.rights):
        yield Change(user=user, kind="right", action="delete", what=str(right))
    for each in sorted(now.mechanisms - wanted.mechanisms):
        yield Change(user=user, kind="password", action="delete", what=each)


def _limits(user: str, wanted: Holder, now: Holder) -> Iterator[Change]:
    for quota in sorted(wanted.quotas.keys() | now.quotas.keys()):
        before, after = now.quotas.get(quota), wanted.quotas.get(quota)
        if before != after:
            action = "create" if before is None else "delete" if after is None else "change"
            yield Change(
                user=user, kind="quota", action=action, what=quota, before=_number(before), after=_number(after)
            )


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.15g}"


def _said(change: Change) -> str:
    if change.kind == "quota":
        step = change.after if change.action == "create" else f"{change.before} -> {change.after or 'unlimited'}"
        return f"quota {change.what}: {step}"
    return f"password ({change.what})" if change.kind == "password" else change.what
