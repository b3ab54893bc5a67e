"""One export's line to its queue: connections, counts, pace and dead letters in one place."""

import gc
import signal
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

from jobs.errors import JobError
from jobs.sqs import meter
from jobs.sqs.account import Account, Exported
from jobs.sqs.cost import PRICES, Planned
from jobs.sqs.large import Store
from jobs.sqs.letters import Letters
from jobs.sqs.message import Message
from jobs.sqs.pace import Pace
from jobs.sqs.queue import Queue
from jobs.sqs.sending import Book, Sending
from jobs.sqs.transport import Transport
from jobs.sqs.waiting import Fifo, Standard, Waiting

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CYCLES = 100_000
"""New objects between two searches for garbage cycles: messages have none, and searching among them cost a fifth."""


@dataclass
class Line:
    """What an export works with.

    Args:
        sqs: The client whose credentials and endpoint are used.
        queue: The queue.
        store: Where large bodies go.
        letters: Where dead letters go.
        in_flight: How many requests may be under way.
        rate: How many messages may leave in a second; 0 is as many as go.
        patience: How long a message may fail, in seconds.
        hold: Raises when the export must end.
    """

    sqs: "SQSClient"
    queue: Queue
    store: Store
    letters: Letters
    in_flight: int
    rate: float
    patience: float
    hold: Callable[[], None]
    account: Account = field(default_factory=Account)
    before: int = 0
    maybe_twice: int = 0

    def __post_init__(self) -> None:
        self.pace = Pace(self.in_flight, self.rate)

    def waiting(self) -> Waiting:
        """What waits for this kind of queue."""
        return (Fifo if self.queue.fifo else Standard)(self.queue.limit)

    @contextmanager
    def sending(self, total: int, metrics_port: int) -> Generator[Callable[[Iterable[list[Message]], Book], None]]:
        """Gives what sends chunks of messages; each call returns when all are settled."""
        carrier = Transport(self.sqs, self.queue, self.in_flight)
        end = (
            meter.serve(metrics_port, meter.Metrics(self.queue.name, self.account, self.pace)) if metrics_port else None
        )
        sending = Sending(
            carrier, self.waiting(), self.pace, self.account, self.letters, patience=self.patience, hold=self.hold
        )
        often = gc.get_threshold()
        gc.set_threshold(CYCLES)
        try:
            with meter.shown(f"{self.queue.name}", self.account, total):
                yield sending.run
        finally:
            gc.set_threshold(*often)
            carrier.close()
            if end:
                end()

    def result(self) -> Exported:
        """What was done. Messages that a FIFO queue drops by their id are not twice in it."""
        twice = self.maybe_twice + (0 if self.queue.fifo else self.account.doubtful)
        done = self.account.accepted + self.account.dead
        return Exported(self.queue.name, done, self.account.accepted, self.account.dead, self.before, twice)

    def failed(self, error: JobError) -> JobError:
        """The same error with what was done until then."""
        said = f"{self.queue.name} did not take everything: {error}; {self.account.open:,} messages are open"
        return JobError(said, hint=error.hint or "run the job again: it sends what is left", result=self.result())

    def balanced(self) -> Exported:
        """What was done, if every message is accounted for.

        Raises:
            JobError: A message is neither accepted nor a dead letter.
        """
        if self.account.open:
            raise self.failed(JobError("messages are neither accepted nor dead letters"))
        return self.result()

    def planned(self, chunks: Iterable[list[Message]], price: float, total: int = 0) -> Planned:
        """What would be sent: the same requests, as if the queue accepted all."""
        with meter.shown(f"{self.queue.name}, dry run", self.account, total):
            return self._planned(chunks, price)

    def _planned(self, chunks: Iterable[list[Message]], price: float) -> Planned:
        planned = Planned(self.queue.name, before=self.before)
        waiting = self.waiting()
        dollars = price or PRICES["fifo" if self.queue.fifo else "standard"]
        for chunk in chunks:
            self.account.dead += sum(bool(each.refused) for each in chunk)
            waiting.add(each for each in chunk if not each.refused)
            while waiting and (batch := waiting.take(time.monotonic())):
                planned.add([each.size for each in batch], dollars)
                self.account.accepted += len(batch)
                for each in batch:
                    waiting.settled(each)
        planned.dead, planned.pointers = self.account.dead, self.store.kept
        return planned


@contextmanager
def ending(hold: Callable[[], None]) -> Generator[Callable[[], None], None, None]:
    """Gives a `hold` that also raises after SIGTERM, as a pod gets when it must go."""
    told: list[int] = []

    def end(number: int, _: Any) -> None:
        told.append(number)

    def look() -> None:
        hold()
        if told:
            raise JobError("told to end by SIGTERM", hint="run the job again: it goes on from there")

    if current_thread() is not main_thread():
        yield look
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield look
    finally:
        signal.signal(signal.SIGTERM, before)
