"""When each event is due: pure. Every time is counted from the start, so being late once makes nothing later."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from random import Random

from jobs.errors import UsageError

Slot = tuple[float, int]
"""When, in seconds from the start, and how many events then."""

LARGEST = 10
"""The most events of one burst, in seconds of the rate: Pareto's tail has no end."""


@dataclass(frozen=True)
class Pace:
    """How fast events come, and how evenly.

    Args:
        rate: Events a second, bursts included; 0 is as fast as possible.
        burst_prob: How likely each event is the first of a burst, from 0 to 1.
        burst_power: Pareto's exponent of a burst's size: smaller means larger bursts.

    Raises:
        UsageError: One of them is out of range.
    """

    rate: float = 0
    burst_prob: float = 0
    burst_power: float = 1.5

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 <= self.rate < inf:  # not so either for what is no number
            raise UsageError(
                f"a rate of {self.rate:g} events a second cannot be",
                hint="--rate (or MSG_RATE) from 0, which is as fast as possible",
            )
        if not 0 <= self.burst_prob <= 1:
            raise UsageError(
                f"a probability of {self.burst_prob:g} cannot be", hint="--burst-prob (or BURST_PROB) from 0 to 1"
            )
        if not 1.1 <= self.burst_power < inf:
            raise UsageError(
                f"--burst-power={self.burst_power:g}: below 1.1 nearly all events are in a few endless bursts",
                hint="--burst-power (or BURST_POWER) of 1.1 is the wildest",
            )


def schedule(pace: Pace, seed: int, count: int, first: int = 0) -> Iterator[Slot]:
    """When events are due, in seconds from the start, and how many at that instant; in order, `count` in all.

    A burst comes at once and is followed by the silence that keeps the mean at the rate. The same seed is the same
    schedule.

    Args:
        pace: The rate must not be 0.
        seed: What bursts are drawn from.
        count: How many events.
        first: How many of them to leave out at the beginning.
    """
    random = Random(seed)  # noqa: S311 - nothing secret is drawn
    largest = max(1, int(pace.rate * LARGEST))
    done = 0 if pace.burst_prob else first  # without bursts one need not draw those before
    while done < count:
        size = 1
        if pace.burst_prob and random.random() < pace.burst_prob:
            size = min(int(random.paretovariate(pace.burst_power)), largest, count - done)
        done += size
        if done > first:
            yield (done - size) / pace.rate, min(size, done - first)


@dataclass
class Lateness:
    """How late events were handed over, in steps of a tenth of a millisecond: bounded, however many there are."""

    steps: Counter[int] = field(default_factory=Counter[int])
    most: float = 0

    def add(self, due: Iterable[Slot], now: float) -> None:
        """Count events that were handed over now, a time in seconds from the start; early is not late."""
        for at, events in due:
            seconds = now - at if now > at else 0.0
            self.steps[int(seconds * 10_000)] += events
            self.most = max(self.most, seconds)

    def percentile(self, share: float) -> float:
        """How late all but `1 - share` of the events were at most, in milliseconds."""
        wanted = share * self.steps.total()
        seen = 0
        for step, events in sorted(self.steps.items()):
            seen += events
            if seen >= wanted:
                return min((step + 1) / 10, self.most * 1000)
        return 0.0


MOST = 1_200
"""Points that a plot has at most: of a longer sending every second one is forgotten, again and again."""


@dataclass
class Seen:
    """How many records were acknowledged by when: bounded, however long it takes.

    Args:
        points: Seconds from the start and records; the first is the start.
        every: Seconds between two points, at least.
    """

    points: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0)])
    every: float = 0.5

    def add(self, seconds: float, records: int) -> None:
        """Note how many there are after so many seconds from the start."""
        if self.points[-1][0] > 0 and seconds - self.points[-1][0] < self.every:
            self.points.pop()
        self.points.append((seconds, records))
        if len(self.points) > MOST:
            self.points = self.points[::2]
            self.every *= 2

    def rates(self) -> list[tuple[float, float]]:
        """Up to when, in seconds from the start, and how many a second since the point before."""
        return [(t, (n - m) / (t - s)) for (s, m), (t, n) in pairwise(self.points) if t > s]


def wanted(times: Iterable[Slot], until: list[float]) -> list[tuple[float, float]]:
    """The rate that a schedule asks for: up to when, and how many a second since the time before.

    Args:
        times: When events are due; the first is the start.
        until: Ends of the stretches of time, in seconds from the start, in order.
    """
    found: list[tuple[float, float]] = []
    slots = iter(times)
    slot = next(slots, None)
    first, begin = slot[0] if slot else 0, 0.0
    for end in until:
        events = 0
        while slot and slot[0] - first < end:
            events += slot[1]
            slot = next(slots, None)
        found.append((end, events / (end - begin)))
        begin = end
    return found
