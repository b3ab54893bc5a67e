"""What Connect's status of a connector comes to: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from jobs.connectors.causes import classify

WORST = ("FAILED", "UNASSIGNED", "RESTARTING", "STOPPED", "PAUSED", "RUNNING")
"""States from worst to best; a connector is no better than the worst of itself and its tasks."""

BAD = ("FAILED", "UNASSIGNED", "MISSING")
"""What is unhealthy whatever is declared."""

UNSAID = "Connect does not say (CONNECT_STATUS_TOPIC is not set)"


@dataclass(frozen=True)
class State:
    """How a connector is: no better than the worst of itself and its tasks.

    Args:
        name: Its name.
        state: The worst of its own state and that of its tasks.
        kind: source or sink.
        tasks: How many tasks run, of how many.
        since: Since when it is so (UTC), or why that is not known.
        cause: The first line of the root cause.
        problem: What sort of cause that is: auth, class, config, schema, conflict, network, unknown.
        permanent: Whether a restart can't help.
        mend: What to do.
    """

    name: str
    state: str
    kind: str
    tasks: str
    since: str
    cause: str = ""
    problem: str = ""
    permanent: bool = False
    mend: str = ""

    @property
    def said(self) -> str:
        """The same as a sentence."""
        cause = f": {self.cause}" if self.cause else ""
        return f"connector {self.name} is {self.state} ({self.tasks} tasks run){cause}"


@dataclass(frozen=True)
class Mark:
    """One state that a connector or task was in, from then on, as Connect's own log of states has it."""

    at: datetime
    state: str


Part = tuple[str, int | None]
"""A connector's name, and the number of its task, or None for itself."""

Histories = Mapping[Part, Sequence[Mark]]
"""The states of each part in order of time, as far back as Connect keeps them."""


def judge(name: str, status: Mapping[str, Any] | None, histories: Histories | None = None) -> State:
    """What Connect's status of a connector comes to.

    Args:
        name: Its name.
        status: Connect's answer; None if there is no such connector.
        histories: The states that its parts were in before; None if they are not known.
    """
    if status is None:
        return State(name, "MISSING", "", "0/0", "", mend="headrace connectors apply")
    parts: list[Mapping[str, Any]] = [status["connector"], *status["tasks"]]
    states = [str(part["state"]) for part in parts]
    worst = min(states, key=lambda state: WORST.index(state) if state in WORST else 0)
    at = states.index(worst)
    if worst == "RUNNING" and len(parts) == 1:
        worst = "UNASSIGNED"  # it has no task yet, so it carries nothing
    trace = next((str(part["trace"]) for part in parts if part.get("trace")), "")
    cause = classify(trace) if trace else None
    return State(
        name=name,
        state=worst,
        kind=str(status.get("type", "")),
        tasks=f"{states[1:].count('RUNNING')}/{len(parts) - 1}",
        since=_since((name, None if at == 0 else int(parts[at]["id"])), states[at], histories),
        cause=cause.line if cause else "",
        problem=cause.kind if cause else "",
        permanent=bool(cause and cause.permanent),
        mend=cause.mend if cause else "headrace connectors status" if worst in BAD else "",
    )


def _since(part: Part, state: str, histories: Histories | None) -> str:
    if histories is None:
        return UNSAID
    began: datetime | None = None
    for mark in histories.get(part, ()):
        if mark.state != state:
            began = None
        elif began is None:
            began = mark.at
    return began.astimezone(UTC).isoformat(timespec="seconds") if began else "Connect no longer says"


def refused(state: State, why: str) -> State:
    """The same connector once what it polls was asked: RUNNING means nothing if that refuses."""
    if not why:
        return state
    cause = classify(why)
    failed = "FAILED" if cause.permanent else state.state
    return replace(
        state, state=failed, cause=cause.line, problem=cause.kind, permanent=cause.permanent, mend=cause.mend
    )
