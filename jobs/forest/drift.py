"""Whether connections have come to be others than those of the training: the population stability index. Pure.

A feature's index is the sum of `(now - then) * ln(now / then)` over its steps: below 0.1 nothing has changed, above
0.25 a model judges what it has not learnt (Siddiqi, Credit Risk Scorecards, 2006). It needs no labels.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from jobs.datasets.nslkdd import FEATURES, SYMBOLIC

STEPS = 10
NAMES = 20
"""The most frequent names of a feature that count by themselves; all others are one."""

LEAST = 1e-4
"""The least share of a step: an empty one would be infinitely far from any other."""

MODERATE, STRONG = 0.1, 0.25
Verdict = Literal["none", "moderate", "strong"]


class Shape(BaseModel):
    """How one feature was distributed.

    Args:
        edges: Of a number: up to where each step but the last goes.
        names: Of a name: those that count by themselves.
        shares: How much of the records is in each step, or has each name; the last is of all others.
    """

    edges: list[float] = []
    names: list[str] = []
    shares: list[float]

    def step(self, value: Any) -> int:
        """In which step a value is."""
        if self.names:
            return self.names.index(value) if value in self.names else len(self.names)
        return bisect_left(self.edges, value)


Reference = dict[str, Shape]
"""The shapes of the features in training; a model's card keeps it as `reference`."""

REFERENCE = TypeAdapter(Reference)


@dataclass(frozen=True)
class Drift:
    """How far a feature is from what it was in training.

    Args:
        feature: Its name.
        psi: The population stability index; 0 is as in training.
        verdict: What that means: below 0.1 none, above 0.25 strong.
    """

    feature: str
    psi: float
    verdict: Verdict


def reference(rows: Iterable[Mapping[str, Any]]) -> Reference:
    """The shapes of the features of these rows.

    Args:
        rows: Records by feature, as `Row.asDict()` gives them.
    """
    held = list(rows)
    return {name: _shape(name, [row[name] for row in held]) for name in FEATURES} if held else {}


@dataclass
class Watch:
    """Counts what comes, against a reference.

    Args:
        reference: What it was in training.
    """

    reference: Reference
    counts: dict[str, Counter[int]] = field(default_factory=dict[str, Counter[int]])
    rows: int = 0

    def add(self, columns: Mapping[str, list[Any]]) -> None:
        """Count records, given as columns of equal length."""
        for name, shape in self.reference.items():
            values = Counter(columns[name])
            counts = self.counts.setdefault(name, Counter())
            for value, count in values.items():
                counts[shape.step(value)] += count
        self.rows += max((len(each) for each in columns.values()), default=0)

    def drifts(self) -> list[Drift]:
        """Every feature, the farthest first; none before there were any records."""
        if not self.rows:
            return []
        found = [(name, psi(shape.shares, self._shares(name))) for name, shape in self.reference.items()]
        return [Drift(name, round(index, 3), verdict(index)) for name, index in sorted(found, key=_by_index)]

    def _shares(self, name: str) -> list[float]:
        counts = self.counts[name]
        return [counts[step] / self.rows for step in range(len(self.reference[name].shares))]


def psi(then: list[float], now: list[float]) -> float:
    """The population stability index of two distributions over the same steps."""
    pairs = [(max(a, LEAST), max(b, LEAST)) for a, b in zip(then, now, strict=True)]
    return sum((b - a) * log(b / a) for a, b in pairs)


def verdict(index: float) -> Verdict:
    """What an index means."""
    if index < MODERATE:
        return "none"
    return "moderate" if index <= STRONG else "strong"


def _by_index(each: tuple[str, float]) -> tuple[float, str]:
    return -each[1], each[0]


def _shape(name: str, values: list[Any]) -> Shape:
    if name in SYMBOLIC:
        names = [each for each, _ in Counter(values).most_common(NAMES)]
        empty = Shape(names=names, shares=[])
    else:
        values = sorted(values)
        at = (values[len(values) * step // STEPS] for step in range(1, STEPS))
        empty = Shape(edges=sorted({float(each) for each in at}), shares=[])
    counts = Counter(map(empty.step, values))
    size = len(empty.names or empty.edges) + 1
    return empty.model_copy(update={"shares": [round(counts[each] / len(values), 6) for each in range(size)]})
