"""The loop that takes batches, has them written, and only then acknowledges them."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from jobs.documents.client import Written
from jobs.rabbit import broker
from jobs.rabbit.link import BrokenError, Link, Message
from jobs.rabbit.sending import open_link

log = logging.getLogger(__name__)

LINGER = 0.25  # seconds that a message may wait for others of its batch
GRACE = 20.0
"""How long batches under way may take after SIGTERM, in seconds: less than the 30 that Kubernetes gives."""

EVERY = 10.0  # seconds between two lines

Write = Callable[[Sequence[Message]], Written]


@dataclass
class Tally:
    """What has become of messages so far: `taken = documents + before + dead`, once no batch is under way."""

    taken: int = 0
    documents: int = 0
    before: int = 0
    dead: int = 0
    acknowledged: int = 0
    reconnects: int = 0


@dataclass(frozen=True)
class Limits:
    """When a batch is full, and when there is an end.

    Args:
        batch: Messages of a batch.
        parallel: Batches under way at once.
        count: End after so many messages; 0 is never.
        idle: End when none has come for so many seconds; 0 is never.
        patience: How long to wait for a broker that is away, in seconds.
    """

    batch: int
    parallel: int
    count: int = 0
    idle: float = 0
    patience: float = 60

    @property
    def prefetch(self) -> int:
        """Messages that may be held: what is under way, and the next batch."""
        return min(65_535, self.batch * (self.parallel + 1))


@dataclass
class Drain:
    """Takes a queue's messages until it is told to end, or the limits say so.

    Args:
        queue: Whose.
        write: Writes a batch; it may be called by several threads at once.
        limits: When to end.
        stop: Told to end.
        tally: What has become of messages so far.
        connected: Whether the broker gives it messages now.
        turned: When a batch was finished last, or there was none to finish.
    """

    queue: str
    write: Write
    limits: Limits
    stop: threading.Event
    tally: Tally = field(default_factory=Tally)
    connected: bool = False
    turned: float = field(default_factory=time.monotonic)
    _busy: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)

    def run(self) -> Tally:
        """Take, write, acknowledge.

        Raises:
            JobError: The broker stays away, or a batch can't be written; what was not acknowledged is given out again.
        """
        with ThreadPoolExecutor(self.limits.parallel) as pool:
            while not self._ended():
                link = open_link(self.queue, self.limits.prefetch, self.limits.patience)
                self._busy = self.turned = time.monotonic()  # only who is connected can be idle
                self.connected = True
                try:
                    self._serve(link, pool)
                except BrokenError as error:
                    self._busy = time.monotonic()
                    self.tally.reconnects += 1
                    log.warning("%s: the connection broke (%s); what was under way comes again", self.queue, error)
                finally:
                    self.connected = False
                    link.close()
        return self.tally

    def _serve(self, link: Link, pool: ThreadPoolExecutor) -> None:
        """One connection's worth: batches are acknowledged in the order in which they came."""
        under_way: deque[tuple[list[Message], Future[Written]]] = deque()
        try:
            while not self._ended(sum(len(each) for each, _ in under_way)):
                if not under_way:
                    self.turned = time.monotonic()
                if batch := link.take(self._most(under_way), LINGER, self.stop):
                    under_way.append((batch, pool.submit(self._finish, link, batch)))
                    self._busy = time.monotonic()
                while under_way and (under_way[0][1].done() or len(under_way) == self.limits.parallel):
                    if not self._settle(link, *under_way[0]):
                        break
                    under_way.popleft()
                self._tell()
            until = time.monotonic() + GRACE
            while under_way and time.monotonic() < until:
                if self._settle(link, *under_way[0]):
                    under_way.popleft()
        finally:
            wait([done for _, done in under_way], timeout=GRACE)

    def _most(self, under_way: Sequence[tuple[list[Message], object]]) -> int:
        """How many messages the next batch may have: no more than are still asked for."""
        if not self.limits.count:
            return self.limits.batch
        left = self.limits.count - self.tally.acknowledged - sum(len(each) for each, _ in under_way)
        return min(self.limits.batch, left)

    def _settle(self, link: Link, batch: list[Message], done: Future[Written]) -> bool:
        """Wait a little for the oldest batch; acknowledge it if it is done."""
        try:
            done.result(timeout=0.2)
        except TimeoutError:
            if done.done():  # its own
                raise
            return False
        link.ack(batch[-1].tag)
        self.tally.acknowledged += len(batch)
        self._busy = self.turned = time.monotonic()
        return True

    def _finish(self, link: Link, batch: list[Message]) -> Written:
        """Write a batch, and send what is refused where people look for it; a kill in between sends a letter twice."""
        written = self.write(batch)
        letters = [letter(batch[place], self.queue, why) for place, why in written.refused.items()]
        link.send(letters, broker.EXCHANGE, broker.dead(self.queue)).result(GRACE + self.limits.patience)
        self.tally.taken += len(batch)
        self.tally.documents += written.new
        self.tally.before += written.before
        self.tally.dead += len(letters)
        return written

    def _ended(self, under_way: int = 0) -> bool:
        done = self.tally.acknowledged + under_way
        idle = 0 < self.limits.idle <= time.monotonic() - self._busy and not under_way
        return self.stop.is_set() or idle or 0 < self.limits.count <= done

    def _tell(self) -> None:
        if time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            each = self.tally
            figures = (each.taken, each.documents, each.before, each.dead)
            log.info("%s: %d taken, %d documents, %d there before, %d dead", self.queue, *figures)


def letter(message: Message, queue: str, reason: str) -> Message:
    """A message that could not be processed, as it was, with why and where it was."""
    headers = {**message.headers, "reason": reason, "queue": queue}
    return Message(message.body, message.id, headers)
