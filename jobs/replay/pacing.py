"""When each event is due: pure. Every time is counted from the start, so being late once makes nothing later."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
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
        if self.rate < 0:
            raise UsageError(
                f"a rate of {self.rate:g} events a second cannot be", hint="--rate=0 is as fast as possible"
            )
        if not 0 <= self.burst_prob <= 1:
            raise UsageError(f"a probability of {self.burst_prob:g} cannot be", hint="--burst-prob from 0 to 1")
        if self.burst_power < 1.1:
            raise UsageError(
                f"--burst-power={self.burst_power:g}: below 1.1 nearly all events are in a few endless bursts",
                hint="--burst-power=1.1 is the wildest",
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
    done = 0
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

    def add(self, seconds: float, events: int) -> None:
        """Count events that were late by this; early is not late."""
        seconds = max(0.0, seconds)
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
