"""Letters on their way back to where they came from."""

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.progress import Progress

from jobs import kafka
from jobs.dlq import letter, reading, sending
from jobs.dlq.courier import Courier, Parcel
from jobs.dlq.index import Index, Spot
from jobs.dlq.letter import DeadLetter, Mark
from jobs.dlq.sending import Terms
from jobs.errors import JobError, UsageError

log = logging.getLogger(__name__)
BATCH, BYTES = 500, 8 << 20  # of one transaction
LINE = 10.0  # seconds between two lines


@dataclass
class Redriven:
    """What was put back: `matching = redriven + exhausted + left + the sum of unable`.

    Args:
        topic: The topic of dead letters.
        matching: Letters with the reason that had not been put back.
        redriven: Of these, those that were put back; with `--dry-run`, that would be.
        exhausted: Those that failed again too often; they stay.
        left: Those that were more than `--max`.
        unable: How many could not be put back, by why.
        to: How many went to which topic.
        dry_run: Whether nothing was done.
    """

    topic: str
    matching: int = 0
    redriven: int = 0
    exhausted: int = 0
    left: int = 0
    unable: dict[str, int] = field(default_factory=dict[str, int])
    to: dict[str, int] = field(default_factory=dict[str, int])
    dry_run: bool = False


class Targets:
    """The topics that letters go back to, each asked for once."""

    def __init__(self, to: str) -> None:
        self.to = to
        self.known: dict[str, Terms | str] = {}

    def parcel(self, topic: str, spot: Spot, dead: DeadLetter) -> Parcel | str:
        """The letter as it goes back, or why it can't."""
        place = (self.to, None) if self.to else dead.place
        if place is None:
            return "it never was a record, so it has no topic to go back to: say --to"
        target, partition = place
        terms = self._look(target)
        if isinstance(terms, str):
            return terms
        now = int(time.time() * 1000)
        if terms.keeps and 0 < dead.timestamp < now - terms.keeps:
            return f"{target} deletes records that are older than {terms.keeps // 1000} s, by their own time, and it is"
        try:
            record = back(dead, _value(dead), f"{topic}/{spot.partition}/{spot.offset}")
        except JobError as error:
            return str(error)
        if _size(record) > terms.largest:
            return f"{target} takes records of {terms.largest} bytes, and it is larger"
        if partition is not None and partition < terms.partitions:  # where its key is, whoever wrote it
            record = replace(record, partition=partition)
        return Parcel(spot, Mark(dead.origin, target, os.environ.get("HEADRACE_RUN", "by hand"), now), target, record)

    def _look(self, topic: str) -> Terms | str:
        if topic not in self.known:
            try:
                self.known[topic] = sending.terms(topic)
            except JobError as error:
                self.known[topic] = str(error)
        return self.known[topic]


def back(dead: DeadLetter, value: bytes | None, where: str) -> kafka.Record:
    """The record as it was, with headers that say that it was put back, where it failed first, and how often by now.

    Args:
        dead: Its letter.
        value: Its value, whole.
        where: Where its letter is.
    """
    own = [each for each in dead.headers if each[0] not in letter.BACK_NAMES]
    first = dict(dead.headers).get(letter.FIRST) or dead.origin.encode()
    said = {letter.FIRST: first, letter.LETTER: where.encode(), letter.ATTEMPT: str(dead.attempt + 1).encode()}
    return kafka.Record(value, dead.key, headers=[*own, *said.items()], timestamp=dead.timestamp)


def redrive(courier: Courier | None, chosen: Iterable[Spot], result: Redriven, *, to: str, rate: float) -> None:
    """Put the chosen letters back, and count what becomes of them.

    Args:
        courier: Who does it; nobody in a rehearsal.
        chosen: Where the letters are.
        result: Where to count; it says how many are to be put back.
        to: The topic they go to; empty is where they came from.
        rate: At most how many a second; 0 is no limit.
    """
    unable, went, done = Counter[str](), Counter[str](), 0
    size = min(BATCH, max(1, int(rate))) if rate else BATCH
    begun = time.monotonic()
    with shown(result.topic, result.matching - result.exhausted - result.left) as show:
        for batch in batches(_made(result.topic, Targets(to), chosen, unable), size):
            refused = courier.carry(batch) if courier else []
            unable.update(why for _, why in refused)
            went.update(each.topic for each in batch)
            went.subtract(each.topic for each, _ in refused)
            done += len(batch)
            show(done)
            if rate and courier:  # by the schedule from the beginning, so that no delay adds up
                time.sleep(max(0.0, begun + done / rate - time.monotonic()))
    result.to, result.unable, result.redriven = dict(+went), dict(unable), went.total()


def batches(parcels: Iterable[Parcel], most: int) -> Iterator[list[Parcel]]:
    """The parcels in order, at most so many and not many more bytes than `BYTES` at a time."""
    batch: list[Parcel] = []
    held = 0
    for each in parcels:
        batch.append(each)
        held += _size(each.record)
        if len(batch) == most or held > BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def refuse_unknown(letters: Index, reason: str) -> None:
    """Stop at a reason that no letter has, and say which there are.

    Raises:
        UsageError: No letter has it.
    """
    known = [row[0] for row in letters.reasons(10)]
    if reason and known and not letters.has(reason):
        raise UsageError(f"no letter has the reason {reason!r}; there is: {', '.join(known)}", hint="* stands for any")


def _made(topic: str, targets: Targets, chosen: Iterable[Spot], unable: Counter[str]) -> Iterator[Parcel]:
    for spot, dead in reading.letters(topic, chosen):
        made = targets.parcel(topic, spot, dead)
        if isinstance(made, str):
            unable[made] += 1
        else:
            yield made


def _value(dead: DeadLetter) -> bytes | None:
    pointer = dead.pointer
    if pointer is None:
        return dead.value
    if not pointer.stored:
        raise JobError("it was too large for a letter, and there was no lake to keep it in")
    from jobs.dlq import stored  # noqa: PLC0415 - Spark, which few letters need

    return stored.fetch(pointer.stored, pointer.sha256)


def _size(record: kafka.Record) -> int:
    """At most how many bytes a record takes in a batch of its own."""
    headers = sum(len(name.encode()) + len(value or b"") + 10 for name, value in record.headers or [])
    return 128 + len(record.key or b"") + len(record.value or b"") + headers


@contextmanager
def shown(topic: str, total: int) -> Generator[Callable[[int], None], None, None]:
    """Show how many letters are done: a bar on a terminal, a line every 10 s elsewhere."""
    terminal, said = sys.stderr.isatty(), time.monotonic()
    with Progress(console=Console(stderr=True), transient=True, disable=not terminal) as bar:
        task = bar.add_task(topic, total=total)

        def show(done: int) -> None:
            nonlocal said
            bar.update(task, completed=done)
            if not terminal and time.monotonic() - said > LINE:
                log.info("%s: %d of %d", topic, done, total)
                said = time.monotonic()

        yield show
