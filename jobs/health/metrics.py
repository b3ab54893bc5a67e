"""What was found, as Prometheus reads it."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from jobs.findings import ORDER
from jobs.health.looking import Looked


def text(looked: Looked, *, seconds: float, at: float) -> bytes:
    """The metrics of one look, in Prometheus' text format.

    Args:
        looked: What was found.
        seconds: How long looking took.
        at: When it was done, in epoch seconds.
    """
    registry = CollectorRegistry()

    def gauge(name: str, says: str, *labels: str) -> Gauge:
        return Gauge(f"headrace_{name}", says, labels, registry=registry)

    verdict = gauge("check_verdict", "0 ok, 1 warning, 2 failed.", "check")
    for each in looked.report.findings:
        verdict.labels(each.check).set(ORDER.index(each.verdict))
    gauge("verdict", "The worst verdict: 0 ok, 1 warning, 2 failed.").set(ORDER.index(looked.report.verdict))
    gauge("look_seconds", "How long the last look took.").set(seconds)
    gauge("look_timestamp_seconds", "When the last look was done.").set(at)

    state = gauge("connector_state", "1 for the state that the connector is in.", "connector", "state", "problem")
    tasks = gauge("connector_tasks", "How many tasks there are, and how many run.", "connector", "what")
    for each in looked.states:
        state.labels(each.name, each.state, each.problem).set(1)
        running, _, there = each.tasks.partition("/")
        tasks.labels(each.name, "running").set(int(running))
        tasks.labels(each.name, "all").set(int(there))

    records = gauge("group_lag_records", "Unread records.", "group", "topic")
    age = gauge("group_lag_seconds", "The age of the oldest unread record.", "group", "topic")
    left = gauge("group_until_loss_seconds", "Until the oldest unread record may be deleted.", "group", "topic")
    expired = gauge("group_expired_records", "Records that were deleted unread.", "group", "topic")
    for each in looked.lags:
        records.labels(each.group, each.topic).set(each.records)
        age.labels(each.group, each.topic).set(each.seconds)
        left.labels(each.group, each.topic).set(float("inf") if each.until_loss is None else each.until_loss)
        expired.labels(each.group, each.topic).set(each.expired)
    return generate_latest(registry)
