"""What a person sees of an export under way, and what Prometheus does."""

import logging
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jobs.errors import JobError
from jobs.sqs.account import Account
from jobs.sqs.pace import Pace

log = logging.getLogger(__name__)
LINE = 10.0
"""Seconds between two lines where there is no terminal."""


class Metrics(Collector):
    """The counts of an export as they are when Prometheus asks.

    Args:
        queue: The queue's name.
        account: The counts.
        pace: What the queue bears.
    """

    def __init__(self, queue: str, account: Account, pace: Pace) -> None:
        self.queue, self.account, self.pace = queue, account, pace

    def collect(self) -> Iterator[Metric]:
        """One sample each."""
        now = self.account
        outcomes = {"accepted": now.accepted, "dead": now.dead, "doubtful": now.doubtful, "retried": now.retried}
        messages = CounterMetricFamily("headrace_sqs_messages", "Messages by outcome.", labels=["queue", "outcome"])
        for outcome, count in outcomes.items():
            messages.add_metric([self.queue, outcome], count)
        yield messages
        for name, says, count in (
            ("requests", "Requests that left.", now.requests),
            ("requests_broken", "Requests without an answer.", now.broken),
            ("requests_throttled", "Answers that asked for less.", now.throttled),
            ("bytes", "Bytes sent, as SQS counts them.", now.bytes),
        ):
            counter = CounterMetricFamily(f"headrace_sqs_{name}", says, labels=["queue"])
            counter.add_metric([self.queue], count)
            yield counter
        for name, says, value in (
            ("open_messages", "Messages whose fate is not known yet.", now.open),
            ("window_requests", "Requests that may be under way.", int(self.pace.window)),
        ):
            gauge = GaugeMetricFamily(f"headrace_sqs_{name}", says, labels=["queue"])
            gauge.add_metric([self.queue], value)
            yield gauge


def serve(port: int, metrics: Metrics) -> Callable[[], None]:
    """Serve metrics on a port, and return what ends that.

    Raises:
        JobError: The port is taken.
    """
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        server, _ = start_http_server(port, registry=registry)
    except OSError as error:
        raise JobError(f"cannot serve metrics on port {port}: {error.strerror}", hint="--metrics-port=0") from error
    return server.shutdown


@contextmanager
def shown(doing: str, account: Account, total: int) -> Generator[None, None, None]:
    """Show how far an export is: a bar on a terminal, a line every 10 s elsewhere.

    Args:
        doing: What is done, for people.
        account: Its counts.
        total: How many messages there are, at most; 0 if nobody knows.
    """
    ended = Event()
    look = _bar if sys.stderr.isatty() else _lines
    thread = Thread(target=look, args=(doing, account, total, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def story(account: Account, total: int, seconds: float) -> str:
    """What was done in so many seconds, and how long the rest will take."""
    done = account.accepted + account.dead
    rate = done / seconds if seconds else 0.0
    said = f"{done:,}{f' of {total:,}' if total else ''} messages, {rate:,.0f}/s"
    extra = {
        "dead letters": account.dead,
        "sent again": account.retried,
        "perhaps there twice": account.doubtful,
        "throttled": account.throttled,
    }
    said += "".join(f", {count:,} {name}" for name, count in extra.items() if count)
    return f"{said}, about {(total - done) / rate:,.0f} s left" if total > done and rate else said


def _lines(doing: str, account: Account, total: int, ended: Event) -> None:
    began = time.monotonic()
    while not ended.wait(LINE):
        log.info("%s: %s", doing, story(account, total, time.monotonic() - began))


def _bar(doing: str, account: Account, total: int, ended: Event) -> None:
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[said]}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total or None, said="")
        while not ended.wait(0.2):
            said = story(account, 0, time.monotonic() - began).partition(", ")[2]
            bar.update(task, completed=account.accepted + account.dead, said=said)
