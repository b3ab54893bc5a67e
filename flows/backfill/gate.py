"""What a window waits for before it begins: its turn by the rate, and consumers that are not behind."""

import logging
import time
from collections.abc import Callable, Iterable
from threading import Lock

from jobs.errors import UsageError
from jobs.groups.lag import Lag
from jobs.times import seconds

STEP = 0.5  # seconds within which a wait ends when it is told to
LOOK = 5.0  # seconds between two looks at lags
SAY = 10.0  # seconds between two lines

Stopped = Callable[[], bool]


class Pace:
    """An absolute schedule: after a window of n records the next one begins n / rate seconds later at the earliest.

    Args:
        rate: Records a second; 0 for no limit.
        clock: Seconds.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.clock = rate, clock
        self._next = clock()
        self._lock = Lock()

    def turn(self, records: int) -> float:
        """Take a turn of so many records, and return the moment of the clock at which it begins."""
        with self._lock:
            begins = max(self._next, self.clock())
            self._next = begins + (records / self.rate if self.rate else 0)
            return begins


def behind(lags: Iterable[Lag], limit: str, own: str) -> list[Lag]:
    """The live groups that are further behind than the limit.

    Args:
        lags: Of one topic.
        limit: A time such as 60s, or a number of records.
        own: The group that shows how far bronze is: nobody's consumer.

    Raises:
        UsageError: The limit is neither.
    """
    if limit.isdecimal():
        most = int(limit)
        return [each for each in lags if each.members and each.group != own and each.records > most]
    age = seconds(limit)
    if not age:
        raise UsageError(f"max-lag is {limit!r}: write a time such as 60s, or a number of records")
    return [each for each in lags if each.members and each.group != own and each.seconds > age]


def wait_until(moment: float, stopped: Stopped) -> None:
    """Wait for a moment of the monotonic clock, or until told to stop."""
    while not stopped() and (left := moment - time.monotonic()) > 0:
        time.sleep(min(STEP, left))


def wait_for_consumers(
    look: Callable[[], list[Lag]],
    limit: str,
    log: "logging.Logger | logging.LoggerAdapter[logging.Logger]",
    stopped: Stopped,
) -> float:
    """Wait until no live group is further behind than the limit; how long that took, in seconds.

    Args:
        look: Those that are.
        limit: The limit, for the log.
        log: Where a line says why nothing happens.
        stopped: Whether to give up.
    """
    begun, said = time.monotonic(), 0.0
    while not stopped() and (late := look()):
        if time.monotonic() - said > SAY:
            said = time.monotonic()
            worst = max(late, key=lambda each: each.seconds)
            log.warning(
                "paused: %s is %s records (%.0f s) behind in %s, the limit is %s",
                worst.group, f"{worst.records:,}", worst.seconds, worst.topic, limit,
            )  # fmt: skip
        wait_until(time.monotonic() + LOOK, stopped)
    waited = time.monotonic() - begun
    if said:
        log.warning("goes on after a pause of %.0f s", waited)
    return waited
