"""Alerts of `forest score`, as people watch them."""

from threading import Event

from jobs import settings, web
from jobs.errors import UsageError
from jobs.job import job
from jobs.times import moment


@job("jobs", memory="256Mi", minutes=24 * 60, needs=("kafka",))
def serve(
    *,
    topic: str = "demo",
    alerts: str = "alerts",
    since: str = "1h",
    host: str = "127.0.0.1",
    port: int = 9466,
    exposed: bool = False,
) -> None:
    """Serve a page on which people watch attacks as they are detected, until told to end.

    It reads only what is committed, and goes on by itself after Kafka was away.

    Args:
        topic: The source that `forest score` reads: its rate, its bursts, and how far the scorer is behind.
        alerts: The topic to which `forest score` writes.
        since: From when on alerts are counted: so long ago, such as 1h, or a moment, such as 2026-01-01T10:00.
        host: The address to listen on; 0.0.0.0 in a pod, with `exposed`.
        port: Where to listen: the page, /events, /state, /metrics for Prometheus, and /healthz.
        exposed: Listen where others than this machine reach it, though it asks nobody who they are.

    Raises:
        UsageError: `since` is no time, or others could watch and `exposed` does not say so.
        JobError: The port is taken, or the environment does not say where Kafka is.
    """
    # Imported here: Starlette takes 0.2 s, and who asks for help need not wait for it.
    from jobs.alerts.app import app  # noqa: PLC0415
    from jobs.alerts.reading import Live  # noqa: PLC0415

    settings.load(settings.Kafka)
    if not topic or not alerts:
        raise UsageError("a topic has no name", hint="--topic=demo --alerts=alerts")
    live, ended = Live(topic, alerts, moment(since)), Event()
    live.start(ended)
    web.serve(app(live, ended), host, port, what="the live page", exposed=exposed, ended=ended)
