"""The state as the page reads it: JSON of bounded size that says all there is, so that a reader may begin anywhere."""

from typing import Any

from jobs.alerts.alert import ATTACKS, Alert
from jobs.alerts.latencies import Latencies
from jobs.alerts.state import MINUTE, SHOWN, State

MEAN = 10
"""Over how many seconds the rate of alerts is taken: they come in batches."""


def shown(state: State, now: float, topic: str, alerts: str) -> dict[str, Any]:
    """Everything the page shows at one moment.

    Args:
        state: What was read so far.
        now: The moment, in epoch seconds.
        topic: The source's name.
        alerts: The name of the topic of alerts.
    """
    this, watched = int(now), state.watched
    trouble, hint = state.trouble(now)
    recent, _ = state.span(range(this - MEAN, this))
    _, minute = state.span(range(this - MINUTE, this + 1))
    return {
        "id": this,
        "topic": topic,
        "alerts_topic": alerts,
        "began": int(state.began),
        "trouble": trouble,
        "hint": hint,
        "advice": "" if trouble else advice(state, topic),
        "records": {
            "rate": state.rates.get(this - 1, state.rates.get(this - 2)),
            "held": watched.held if watched else None,
        },
        "lag": {"group": group(topic), "records": watched.lag if watched else None},
        "alerts": {
            "total": state.said.total(),
            "rate": recent.total() / MEAN,
            "malformed": state.malformed,
            "fault": state.fault,
            "first": state.first,
            "said": {each: state.said[each] for each in ATTACKS},
        },
        "precision": precision(state),
        "latency": {"minute": _latency(minute), "all": _latency(state.latencies)},
        "bursts": state.burst_count,
        "series": series(state, this),
        "last": [_alert(each) for each in state.newest],
    }


def group(topic: str) -> str:
    """The consumer group whose offsets say how far the scorer of a topic is."""
    return f"forest-score.{topic}"


def precision(state: State) -> dict[str, dict[str, float | int | None]]:
    """Of the alerts whose label is known, how many are right: by class, in all, and as attack or not."""
    rows = {each: (state.right[each], state.known[each]) for each in ATTACKS}
    known = state.known.total()
    rows |= {"all": (state.right.total(), known), "attack": (state.attacks, known)}
    return {
        name: {"right": right, "known": known, "share": round(right / known, 4) if known else None}
        for name, (right, known) in rows.items()
    }


def series(state: State, this: int) -> dict[str, Any]:
    """One value a second, oldest first, for the seconds that are over; None where it is unknown."""
    seconds = range(this - SHOWN, this)
    counted = [state.seconds.get(each) for each in seconds]

    def percentile(share: float) -> list[float | None]:
        return [each.latencies.percentile(share) if each else None for each in counted]

    rates = [state.rates.get(each) for each in seconds]
    return {
        "first": seconds[0],
        "records": [None if rate is None else round(rate, 1) for rate in rates],
        "bursts": [index for index, second in enumerate(seconds) if second in state.bursts],
        **{name: [each.said[name] if each else 0 for each in counted] for name in ATTACKS},
        "p50": percentile(0.5),
        "p99": percentile(0.99),
    }


def advice(state: State, topic: str) -> str:
    """What to run next where nothing is to be seen; empty when there are alerts."""
    watched = state.watched
    if state.said.total() or watched is None:
        return ""
    if not watched.held:
        return f"headrace replay send connections --topic={topic} --rate=1000"
    if watched.lag is None or watched.lag:
        return f"headrace forest score --topic={topic}"
    return f"headrace forest evaluate --topic={topic}"


def _latency(latencies: Latencies) -> dict[str, float | int | None]:
    return {"count": latencies.count, "p50": latencies.percentile(0.5), "p99": latencies.percentile(0.99)}


def _alert(alert: Alert) -> dict[str, Any]:
    return {**alert.model_dump(by_alias=True), "latency": alert.latency}
