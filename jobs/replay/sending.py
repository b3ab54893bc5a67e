"""The loop that hands records over when they are due, and ends in order when it is told to."""

import gc
import logging
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jobs.replay.outbox import Outbox
from jobs.replay.pacing import Lateness, Seen, Slot

log = logging.getLogger(__name__)

BATCH = 2_000
"""Records handed over at once when there is no rate."""

STEP = 200
"""Records handed over at once by a schedule that is behind: the first of them waits for the last."""

AHEAD = 10_000
"""Records that are made before they are due, while there is nothing else to do."""

MORE = 20
"""Of these, how many are made before it is asked again whether one is due."""

CYCLES = 1_000_000
"""New objects after which Python seeks garbage in cycles, of which a sending makes none: it stops for it."""

LEAST = 0.0005
"""The shortest sleep, in seconds: what falls due meanwhile goes together, which costs far less than one by one."""

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
        seen: How many records were acknowledged after so many seconds, second by second.
    """

    seconds: float = 0
    late: Lateness = field(default_factory=Lateness)
    told: bool = False
    seen: Seen = field(default_factory=Seen)


def send(
    outbox: Outbox,
    records: Iterator[dict[str, Any]],
    total: int,
    times: Iterator[Slot] | None,
    ended: Ended | None = None,
) -> Ended:
    """Hand over every record, when it is due, and wait for its fate.

    Args:
        outbox: Where to.
        records: In order.
        total: How many there are, for the progress.
        times: When they are due; None is as fast as possible.
        ended: What is filled in and returned, for those who look at it meanwhile.
    """
    ended = ended or Ended()
    # Before the clock starts: a generator may have to think for a while before its first event.
    made = deque(islice(records, AHEAD))
    begun, stop = time.monotonic(), outbox.stop
    with stopping(stop), watching(outbox, ended.seen), telling(outbox, total), undisturbed():
        if times is None:
            records = chain(made, records)
            while not stop.is_set() and not outbox.failed and (batch := list(islice(records, BATCH))):
                outbox.post(batch)
                outbox.serve()
        else:
            _paced(outbox, made, records, times, ended.late)
        outbox.close(GRACE)
        ended.told = stop.is_set()
    ended.seconds = time.monotonic() - begun
    return ended


def _paced(
    outbox: Outbox,
    made: deque[dict[str, Any]],
    records: Iterator[dict[str, Any]],
    times: Iterator[Slot],
    late: Lateness,
) -> None:
    """Hand over what is due, and sleep until the next is: by the schedule's own times, so that no delay adds up."""
    slot: Slot | None = next(times, None)
    begun = time.monotonic() - (slot[0] if slot else 0)
    while slot and not outbox.stop.is_set() and not outbox.failed:
        due: list[Slot] = []
        count, now = 0, time.monotonic() - begun
        while slot and slot[0] <= now and count < STEP:
            at, size = slot
            take = min(size, STEP)
            due.append((at, take))
            count += take
            slot = (at, size - take) if take < size else next(times, None)
        if count:
            if len(made) < count:
                made.extend(islice(records, count - len(made)))
            outbox.post([made.popleft() for _ in range(min(count, len(made)))])
            late.add(due, time.monotonic() - begun)
        outbox.serve()
        wait = slot[0] - time.monotonic() + begun if slot else 0
        if wait > 0 and len(made) < AHEAD and (more := list(islice(records, MORE))):
            made.extend(more)
        elif wait > 0:
            time.sleep(min(max(wait, LEAST), NAP))


@contextmanager
def undisturbed() -> Generator[None, None, None]:
    """Keep Python from seeking garbage cycles, which takes milliseconds: what is there is set aside, new is little."""
    often = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(CYCLES)
    try:
        yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()


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
def watching(outbox: Outbox, seen: Seen) -> Generator[None, None, None]:
    """Note each second how many records are acknowledged, and once more at the end."""
    done, begun = threading.Event(), time.monotonic()

    def watch() -> None:
        while not done.wait(1 - (time.monotonic() - begun) % 1):
            seen.add(time.monotonic() - begun, outbox.acked)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        seen.add(time.monotonic() - begun, outbox.acked)


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
