"""The loop: read on, send what may go, settle what was answered, until nothing is left."""

import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from jobs.errors import JobError
from jobs.sqs.account import Account
from jobs.sqs.answers import Verdict, broken, verdicts
from jobs.sqs.message import Message
from jobs.sqs.pace import Pace, backoff
from jobs.sqs.reading import Reader
from jobs.sqs.transport import Answer
from jobs.sqs.waiting import Waiting

log = logging.getLogger(__name__)
TICK = 0.02
"""How long the loop sleeps at most while something may change, in seconds."""


class Carrier(Protocol):
    """What carries requests: `Transport`, or a test's."""

    def __len__(self) -> int: ...
    def start(self, batch: list[Message]) -> None:
        """Send one request."""
        ...

    def wait(self, seconds: float) -> list[Answer]:
        """The answers that came."""
        ...


class Book(Protocol):
    """Where it is kept what was sent: progress."""

    def room(self) -> bool:
        """Whether more may be handed out."""
        ...

    def open(self, messages: list[Message]) -> None:
        """Announce messages; they may be sent when `opened` gives them back."""
        ...

    def opened(self) -> list[list[Message]]:
        """Messages that may be sent now."""
        ...

    def __len__(self) -> int:
        """Chunks that were announced and may not be sent yet."""
        ...

    def settle(self, verdict: Verdict) -> None:
        """A message that the queue has, or that is a dead letter."""
        ...

    def tick(self, now: float) -> None:
        """Write down what is to be written down, if it is time."""
        ...


class Letters(Protocol):
    """Where dead letters go."""

    def bury(self, dead: list[Verdict]) -> None:
        """Write dead letters, and return when the brokers have them."""
        ...


class Sending:
    """One export's way to its queue.

    Args:
        carrier: Carries requests.
        waiting: Says which messages go next.
        pace: Says when.
        account: Counts.
        letters: Takes dead letters.
        patience: How long a message may fail before the export gives up, in seconds.
        hold: Called now and then; raises when the export must end.
    """

    def __init__(
        self,
        carrier: Carrier,
        waiting: Waiting,
        pace: Pace,
        account: Account,
        letters: Letters,
        *,
        patience: float,
        hold: Callable[[], None] = lambda: None,
    ) -> None:
        self.carrier, self.waiting, self.pace, self.account = carrier, waiting, pace, account
        self.letters, self.patience, self.hold = letters, patience, hold
        self.dead: list[Verdict] = []
        self.buried = self.held = 0.0
        self.stop = ""

    def run(self, chunks: Iterable[list[Message]], book: Book) -> None:
        """Send all messages, and return when each is settled.

        Raises:
            JobError: The export cannot go on; what was answered until then is settled.
        """
        with Reader(chunks) as reader:
            try:
                while not self.stop:
                    self._read(reader, book)
                    self._launch()
                    if reader.ended and not self.waiting and not self.carrier and not book:
                        break
                    self._step(book, self._nap(reader, book))
            finally:
                self._drain(book)
        if self.stop:
            raise JobError(self.stop)

    def _read(self, reader: Reader, book: Book) -> None:
        while book.room() and (chunk := reader.next()) is not None:
            book.open(chunk)
        for chunk in book.opened():
            self.account.sent += len(chunk)
            self.dead += [Verdict(each, "refused", each.refused) for each in chunk if each.refused]
            self.waiting.add(each for each in chunk if not each.refused)

    def _launch(self) -> None:
        while self.waiting and self.pace.may(now := time.monotonic(), len(self.carrier)):
            batch = self.waiting.take(now)
            if not batch:
                return
            for message in batch:
                message.tries += 1
                self.account.bytes += message.size
                self.account.retried += message.tries > 1
            self.carrier.start(batch)
            self.account.requests += 1
            self.pace.left(now, len(batch))

    def _nap(self, reader: Reader, book: Book) -> float:
        """Sleep while nothing is under way; else how long to wait for answers."""
        if self.carrier:
            return TICK / 10 if book and not self.waiting else TICK
        if book:
            time.sleep(TICK / 10)
        elif not self.waiting:
            reader.wait(TICK)
        else:
            time.sleep(min(TICK, self.pace.wait(time.monotonic()) or TICK / 4))
        return 0.0

    def _step(self, book: Book, seconds: float) -> None:
        answers = self.carrier.wait(seconds)
        now = time.monotonic()
        for answer in answers:
            self._answered(answer, book, now)
        if self.dead and (len(self.dead) >= 500 or now - self.buried > 0.5 or not (self.waiting or self.carrier)):
            self._bury(book, now)
        book.tick(now)
        if now - self.held > 0.5:
            self.held = now
            self._look()

    def _answered(self, answer: Answer, book: Book, now: float) -> None:
        if answer.error:
            self.account.broken += 1
            said = broken(answer.batch, answer.error, sent=answer.sent)
        else:
            said = verdicts(answer.batch, answer.status, answer.body)
        for message in answer.batch if answer.repeated else ():
            self._doubt(message)
        slow = False
        for verdict in said:
            if verdict.kind == "accepted":
                self.account.accepted += 1
                self.waiting.settled(verdict.message)
                book.settle(verdict)
            elif verdict.kind == "refused":
                self.dead.append(verdict)
                self.waiting.settled(verdict.message)
            else:
                slow |= verdict.kind == "throttled"
                self._again(verdict, now)
        if slow:
            self.account.throttled += 1
            self.pace.throttled(now)
        elif not answer.error:
            self.pace.answered()

    def _again(self, verdict: Verdict, now: float) -> None:
        message = verdict.message
        if verdict.kind == "stop":
            self.stop = self.stop or f"the queue refuses everything: {verdict.said}"
        if verdict.kind == "doubtful":
            self._doubt(message)
        if verdict.kind == "alone":
            message.alone = True
            self.waiting.back(message, now)
            return
        message.failing = message.failing or now
        if now - message.failing > self.patience and not self.stop:
            self.stop = f"{message.origin} was not taken for {self.patience:.0f} s: {verdict.said}"
        self.waiting.back(message, now + backoff(message.tries, random.random()))  # noqa: S311

    def _doubt(self, message: Message) -> None:
        self.account.doubtful += not message.doubtful
        message.doubtful = True

    def _bury(self, book: Book, now: float) -> None:
        self.buried = now
        self.letters.bury(self.dead)
        self.account.dead += len(self.dead)
        for verdict in self.dead:
            book.settle(verdict)
        self.dead = []

    def _look(self) -> None:
        try:
            self.hold()
        except JobError as error:
            self.stop = self.stop or str(error)

    def _drain(self, book: Book) -> None:
        """Wait for what is under way, so that it is known what became of it."""
        until = time.monotonic() + 20
        while self.carrier and time.monotonic() < until:
            self._step(book, TICK)
        if self.dead:
            self._bury(book, time.monotonic())
