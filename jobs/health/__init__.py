"""Health of the whole path: the cluster, the connectors, and how far what reads is behind."""

from jobs.errors import UnhealthyError
from jobs.findings import Report
from jobs.health import server
from jobs.health.looking import Limits, look
from jobs.job import job
from jobs.times import seconds


@job("jobs", memory="256Mi", minutes=5, needs=("kafka", "connect"))
def check(
    *,
    cluster_id: str = "",
    brokers: int = 1,
    every: str = "",
    margin: str = "1h",
    max_age: str = "",
    expiry_days: int = 30,
    connect: bool = True,
    repair: bool = False,
) -> Report:
    """Look at everything once: what `cluster check`, `connectors status` and `groups lag` see, in one report.

    Args:
        cluster_id: The id that the cluster must have; any when empty.
        brokers: How many brokers must be up; from 3 on, the cluster must be able to lose one.
        every: How often a schedule reads the topics, such as 1h: retention that is shorter is a failure.
        margin: Fail when less than this is left until unread records are lost.
        max_age: Fail when the oldest unread record is older than this; any age when empty.
        expiry_days: Warn of certificates that expire within this many days.
        connect: Look at Kafka Connect too.
        repair: Restart the connectors and tasks that failed, by the rule of `connectors restart`.

    Raises:
        UsageError: A time is none.
        UnhealthyError: Something failed; the report says what, why, and what mends it.
    """
    limits = Limits(cluster_id, brokers, seconds(every), seconds(margin), seconds(max_age), expiry_days)
    report = look(limits, connect=connect, repair=repair).report
    if report.failed:
        said = "; ".join(f"{each.check}: {each.detail}" for each in report.failed)
        raise UnhealthyError(said, hint=report.failed[0].fix, result=report)
    return report


@job("jobs", memory="256Mi", minutes=24 * 60, needs=("kafka", "connect"))
def serve(
    *,
    port: int = 9464,
    host: str = "127.0.0.1",
    look_every: int = 30,
    brokers: int = 1,
    margin: str = "1h",
    connect: bool = True,
) -> None:
    """Serve what `health check` sees as Prometheus metrics, until told to end.

    Args:
        port: Where to listen: /metrics, and /healthz, which fails when looking hangs.
        host: The address to listen on; 0.0.0.0 in a pod.
        look_every: How often to look, in seconds, however often it is asked.
        brokers: How many brokers must be up.
        margin: Fail when less than this is left until unread records are lost.
        connect: Look at Kafka Connect too.

    Raises:
        UsageError: `margin` is no time.
        JobError: The port is taken.
    """
    limits = Limits(brokers=brokers, margin=seconds(margin))
    exporter = server.Exporter(lambda: look(limits, connect=connect, repair=False), look_every)
    server.serve(exporter, host, port)
