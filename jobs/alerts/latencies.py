"""How long things took, as percentiles of any number of values in a few hundred counters."""

import math
from collections import Counter
from dataclasses import dataclass, field

STEP = math.log(1.02)
"""Each counter is for times up to 2 % longer than those of the one before it."""


@dataclass
class Latencies:
    """Times in milliseconds; a percentile of them is at most 2 % (or 1 ms) too high, never too low."""

    counts: Counter[int] = field(default_factory=Counter[int])

    def add(self, milliseconds: float) -> None:
        """Take in one time."""
        self.counts[math.ceil(math.log1p(max(0.0, milliseconds)) / STEP)] += 1

    def __iadd__(self, more: "Latencies") -> "Latencies":
        """Take in all times of another."""
        self.counts.update(more.counts)
        return self

    @property
    def count(self) -> int:
        """How many times there are."""
        return self.counts.total()

    def percentile(self, share: float) -> float | None:
        """The time that so many of them do not exceed, in milliseconds; None when there is none.

        Args:
            share: 0.5 for the median, 0.99 for all but the longest hundredth.
        """
        wanted, seen = max(1, math.ceil(share * self.count)), 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            if seen >= wanted:
                return round(math.expm1(index * STEP), 1)
        return None
