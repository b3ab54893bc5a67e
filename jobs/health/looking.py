"""Looking at everything at once: the same functions as the jobs that look at one thing."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from jobs import cluster, connectors, findings, groups
from jobs.connect import Connect
from jobs.connectors import judging
from jobs.connectors.restarts import Tried
from jobs.connectors.states import BAD, State
from jobs.errors import JobError, UnhealthyError
from jobs.findings import Finding, Report
from jobs.groups.lag import Lag

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """When something counts as a failure.

    Args:
        cluster_id: The id that the cluster must have; any when empty.
        brokers: How many brokers must be up.
        every: How often a schedule reads the topics, in seconds; 0 if none does.
        margin: How long unread records must stay at least, in seconds.
        max_age: How old the oldest unread record may be, in seconds; 0 for any.
        expiry_days: How long certificates must be good for.
    """

    cluster_id: str = ""
    brokers: int = 1
    every: float = 0
    margin: float = 3600
    max_age: float = 0
    expiry_days: int = 30


@dataclass(frozen=True)
class Looked:
    """What was found, as one report and as the figures behind it."""

    report: Report
    states: tuple[State, ...] = ()
    lags: tuple[Lag, ...] = ()


def look(limits: Limits, *, connect: bool, repair: bool) -> Looked:
    """Look at the cluster, the connectors and the groups; what cannot be looked at is a failure of its own.

    Args:
        limits: When something counts as a failure.
        connect: Whether there is a Kafka Connect to look at.
        repair: Restart what has failed there, as `connectors restart` does.
    """
    found = list(cluster.look(limits.cluster_id, limits.brokers, 0, (limits.every, []), limits.expiry_days))
    states: list[State] = []
    lags: list[Lag] = []
    if connect:
        found += _connectors(states, repair=repair)
    if found[0].verdict == "ok":  # the cluster can be reached
        found += _groups(lags, limits)
    return Looked(findings.report(found), tuple(states), tuple(lags))


def finding(state: State, tries: list[Tried]) -> Finding:
    """What a connector's state comes to, and what was done about it."""
    mine = [each for each in tries if each.connector == state.name]
    done = sorted({f"{each.action}{f' until {each.due}' if each.action == 'waits' else ''}" for each in mine})
    since = f"since {state.since}" if state.since.startswith("2") else ""
    said = [state.state, since, f"{state.tasks} tasks run", state.cause, *done]
    bad = state.state in BAD
    return Finding(f"connector {state.name}", "fail" if bad else "ok", ", ".join(filter(None, said)), state.mend)


def _connectors(states: list[State], *, repair: bool) -> Iterator[Finding]:
    try:
        tries = _restart() if repair else []
        states += judging.states(Connect())
    except JobError as error:
        yield Finding("connect", "fail", str(error), error.hint)
        return
    yield Finding("connect", "ok", f"{len(states)} connectors")
    yield from (finding(each, tries) for each in states)


def _restart() -> list[Tried]:
    try:
        return connectors.restart()
    except UnhealthyError as error:  # what cannot be mended is said by its state as well
        return cast("list[Tried]", error.result)


def _groups(lags: list[Lag], limits: Limits) -> Iterator[Finding]:
    try:
        lags += groups.actual.lags()
    except JobError as error:
        yield Finding("groups", "fail", str(error), error.hint)
        return
    yield from (groups.judge(each, limits.margin, limits.max_age) for each in lags)
