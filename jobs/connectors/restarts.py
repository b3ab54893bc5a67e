"""Which of what has failed may be restarted, and when: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from jobs.connectors.causes import Cause, classify
from jobs.connectors.states import Histories, Mark

CAP = timedelta(minutes=60)
"""The longest pause before a restart."""

FLAPPING = timedelta(minutes=1)
"""A part that fails sooner than this after a restart has not come to run."""


@dataclass(frozen=True)
class Try:
    """What the rule says of one failed part.

    Args:
        connector: Its connector.
        task: Which task, None for the connector itself.
        cause: Why it failed.
        restarts: How often it was restarted without coming to run for long.
        due: When it may be restarted; None if it may not.
    """

    connector: str
    task: int | None
    cause: Cause
    restarts: int
    due: datetime | None


@dataclass(frozen=True)
class Tried:
    """What was done about one failed part.

    Args:
        connector: Its connector.
        task: Which task, None for the connector itself.
        action: restarted, waits (its pause is not over), or given up.
        restarts: How often it was restarted in a row before.
        due: When the next restart is due (UTC), if one is.
        problem: What sort of cause it is.
        cause: The first line of the root cause.
        mend: What to do.
    """

    connector: str
    task: int | None
    action: Literal["restarted", "waits", "given up"]
    restarts: int
    due: str
    problem: str
    cause: str
    mend: str


def failures(
    statuses: Mapping[str, Mapping[str, Any]], histories: Histories | None, now: datetime, tries: int
) -> list[Try]:
    """Every part that has failed, and when it may be tried again.

    The n-th restart waits n * n + n minutes after the one before, at most 60 (Strimzi's rule: 0, 2, 6, 12, 20, ...);
    a part that ran for longer than it last had to wait begins anew.

    Args:
        statuses: Connect's answer by connector.
        histories: What the parts did before; None if that is not known, and then each counts as the first time.
        now: The time.
        tries: How many restarts in a row are tried.
    """
    found: list[Try] = []
    for name, status in sorted(statuses.items()):
        for part in (status["connector"], *status["tasks"]):
            if part["state"] != "FAILED":
                continue
            task = part.get("id")
            cause = classify(str(part.get("trace", "")))
            restarts, last = _restarts((histories or {}).get((name, task), ()))
            due = None if cause.permanent or restarts >= tries else max(now, last + pause(restarts)) if last else now
            found.append(Try(name, task, cause, restarts, due))
    return found


def pause(restarts: int) -> timedelta:
    """How long to wait before the next restart, after so many."""
    return min(timedelta(minutes=restarts * restarts + restarts), CAP)


def _restarts(history: Iterable[Mark]) -> tuple[int, datetime | None]:
    """How often a part was restarted in a row, and when last."""
    count, last, failed = 0, None, False
    for mark in history:
        if mark.state == "FAILED":
            if not failed and last and mark.at - last > max(pause(count), FLAPPING):
                count = 0  # it ran for long, so this is another failure
            failed = True
        elif mark.state in ("RUNNING", "RESTARTING") and failed:
            count, last, failed = count + 1, mark.at, False
        elif mark.state == "DESTROYED":
            count, last, failed = 0, None, False
    return count, last


def tried(each: Try, action: Literal["restarted", "waits", "given up"]) -> Tried:
    """The same failure, and what was done about it."""
    due = each.due.isoformat(timespec="seconds") if each.due else ""
    why = each.cause
    return Tried(each.connector, each.task, action, each.restarts, due, why.kind, why.line, why.mend)
