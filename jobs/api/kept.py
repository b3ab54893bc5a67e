"""What is read seldom and asked for often: the last answer, with when it was read."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import Generic, TypeVar

from jobs.errors import JobError

T = TypeVar("T")
log = logging.getLogger(__name__)

OLD = 3
"""After so many times `fresh` nobody is given what was read then: who asks waits for what is there now."""


@dataclass(frozen=True)
class Seen(Generic[T]):
    """What was read.

    Args:
        value: What was read, or why it could not be.
        at: When reading ended, in UTC.
        seconds: How long reading took.
        clock: The same moment by the clock that never goes back.
    """

    value: T | Exception
    at: datetime
    seconds: float
    clock: float

    def get(self) -> T:
        """What was read.

        Raises:
            JobError: It could not be read.
        """
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Kept(Generic[T]):
    """Reads at most once at a time; who asks while it reads is given what was read before.

    Args:
        read: How to read.
        fresh: For how many seconds what was read is good.
    """

    def __init__(self, read: Callable[[], T], fresh: float) -> None:
        self.read, self.fresh = read, fresh
        self._last: Seen[T] | None = None
        self._reading, self._guard, self._busy = Lock(), Lock(), False

    def seen(self) -> Seen[T]:
        """The last that was read; a failure is kept as long as an answer is."""
        last = self._last
        if last is None or self._age(last) > OLD * self.fresh:
            with self._reading:  # whoever waited here is given what the one before it read
                last = self._last
                return self._read() if last is None or self._age(last) > self.fresh else last
        if self._age(last) > self.fresh:
            self.begin()
        return last

    def get(self) -> T:
        """The value of the last that was read.

        Raises:
            JobError: It could not be read.
        """
        return self.seen().get()

    def begin(self) -> None:
        """Read in the background, unless somebody does."""
        with self._guard:
            if self._busy:
                return
            self._busy = True
        Thread(target=self._background, daemon=True).start()

    def _background(self) -> None:
        try:
            with self._reading:
                self._read()
        finally:
            self._busy = False

    def _read(self) -> Seen[T]:
        began = time.monotonic()
        value: T | Exception
        try:
            value = self.read()
        except JobError as error:
            value = error
        except Exception as error:
            log.exception("could not read")
            value = error
        ended = time.monotonic()
        seen: Seen[T] = Seen(value, datetime.now(UTC), round(ended - began, 3), ended)
        self._last = seen
        return seen

    @staticmethod
    def _age(seen: Seen[T]) -> float:
        return time.monotonic() - seen.clock
