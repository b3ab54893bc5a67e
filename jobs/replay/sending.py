"""The loop that hands records over when they are due, and ends in order when it is told to."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jobs.replay.outbox import Outbox
from jobs.replay.pacing import Lateness, Slot

log = logging.getLogger(__name__)

BATCH = 2_000
"""Records handed over at once when there is no rate, or when the schedule is behind."""

NAP = 0.2
"""The longest sleep, in seconds: delivery reports are served and signals are heeded in between."""

GRACE = 20.0
"""How long to wait for brokers after SIGTERM, in seconds: less than the 30 that Kubernetes gives."""


@dataclass
class Ended:
    """How the sending went.

    Args:
        seconds: From the first record to the fate of the last.
        late: How late records were handed over; empty without a rate.
        told: Whether SIGTERM or SIGINT ended it.
    """

    seconds: float = 0
    late: Lateness = field(default_factory=Lateness)
    told: bool = False


def send(outbox: Outbox, records: Iterator[dict[str, Any]], total: int, times: Iterator[Slot] | None) -> Ended:
    """Hand over every record, when it is due, and wait for its fate.

    Args:
        outbox: Where to.
        records: In order.
        total: How many there are, for the progress.
        times: When they are due; None is as fast as possible.
    """
    ended, begun, stop = Ended(), time.monotonic(), outbox.stop
    with stopping(stop), telling(outbox, total):
        if times is None:
            while not stop.is_set() and not outbox.failed and (batch := list(islice(records, BATCH))):
                outbox.post(batch)
        else:
            _paced(outbox, records, times, ended.late)
        outbox.close(GRACE)
        ended.told = stop.is_set()
    ended.seconds = time.monotonic() - begun
    return ended


def _paced(outbox: Outbox, records: Iterator[dict[str, Any]], times: Iterator[Slot], late: Lateness) -> None:
    """Hand over what is due, and sleep until the next is: by the schedule's own times, so that no delay adds up."""
    slot = next(times, None)
    begun = time.monotonic() - (slot[0] if slot else 0)
    while slot and not outbox.stop.is_set() and not outbox.failed:
        due: list[Slot] = []
        batch: list[dict[str, Any]] = []
        now = time.monotonic() - begun
        while slot and slot[0] <= now and len(batch) < BATCH:
            due.append(slot)
            batch += islice(records, slot[1])
            slot = next(times, None)
        outbox.post(batch)
        now = time.monotonic() - begun
        for at, size in due:
            late.add(now - at, size)
        if slot and slot[0] > now:
            time.sleep(min(slot[0] - now, NAP))


@contextmanager
def stopping(stop: threading.Event) -> Generator[None, None, None]:
    """Let SIGTERM and SIGINT set the event, so that what was begun is ended in order."""

    def told(_: int, __: FrameType | None) -> None:
        stop.set()

    before = {each: signal.signal(each, told) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def telling(outbox: Outbox, total: int, every: float = 10) -> Generator[None, None, None]:
    """Show how far it is: a bar on a terminal, a line every ten seconds elsewhere."""
    done = threading.Event()
    terminal = sys.stderr.isatty()

    def tell() -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=not terminal) as bar:
            task = bar.add_task(outbox.topic, total=total)
            while not done.wait(0.5 if terminal else every):
                bar.update(task, completed=outbox.acked)
                if not terminal:
                    log.info(
                        "%s: %d of %d acknowledged, %d on their way", outbox.topic, outbox.acked, total, outbox.waiting
                    )

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
