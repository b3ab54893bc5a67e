"""Connections between hosts, in the format of NSL-KDD, with their labels: for machines without the data set.

Each feature is drawn on its own from what `connections.csv` says of its label: for numbers the least value and those
that 10, 30, 50, 70, 90 and 99 % of the training set's records do not exceed, for names the most frequent ones and how
often. What ties features together is lost, so figures of a forest that was trained on these say nothing of attacks.
"""

import csv
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import accumulate
from random import Random

from jobs.datasets import events as generators
from jobs.datasets.nslkdd import FEATURES, RATES, SYMBOLIC

TOPIC = "demo"
POOL = 20_000
"""Different connections of one seed; after them they come again, as those of a flood do."""

STEP = 7_919
SHARES = (0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
LEAST = 300
"""Of 126,000: rarer labels come more often than in the data set, or a pool would have none."""


@dataclass
class Label:
    """How connections of one label are.

    Args:
        weight: How frequent they are against others.
        names: What a feature may be called, and how often up to each.
        steps: The values at `SHARES` of a feature that is a number; a feature that is left out is 0.
    """

    weight: int
    names: dict[str, tuple[Sequence[str], Sequence[int]]] = field(
        default_factory=dict[str, tuple[Sequence[str], Sequence[int]]]
    )
    steps: dict[str, list[float]] = field(default_factory=dict[str, list[float]])


def events(seed: int, numbers: range) -> Iterator[tuple[bytes, bytes]]:
    """Key (seed and number) and value of the events with these numbers."""
    pool = _pool(seed)
    key = b"%d-%%d" % seed
    for number in numbers:
        yield key % number, pool[number * STEP % POOL]


def number(key: bytes | None, value: bytes | None, seed: int) -> int | None:  # noqa: ARG001 - the value has no name
    """The number of a generated event; None if it is not one of this seed."""
    said, _, digits = (key or b"").partition(b"-")
    return int(digits) if said == b"%d" % seed and digits.isdigit() else None


@cache
def _pool(seed: int) -> list[bytes]:
    random = Random(seed)  # noqa: S311 - nothing secret is drawn
    labels = _labels()
    drawn = random.choices([*labels], [each.weight for each in labels.values()], k=POOL)
    return [",".join([*(_draw(random, labels[each], name) for name in FEATURES), each]).encode() for each in drawn]


def _draw(random: Random, label: Label, name: str) -> str:
    if name in label.names:
        names, weights = label.names[name]
        return random.choices(names, cum_weights=weights)[0]
    if name not in label.steps:
        return "0"
    share = random.random() * SHARES[-1]
    above = bisect(SHARES, share)
    low, high = label.steps[name][above - 1 : above + 1]
    value = low + (high - low) * (share - SHARES[above - 1]) / (SHARES[above] - SHARES[above - 1])
    return f"{value:.2f}" if name in RATES else str(round(value))


@cache
def _labels() -> dict[str, Label]:
    """What is known of each label."""
    found: dict[str, Label] = {}
    text = files(generators).joinpath("connections.csv").read_text()
    for label, feature, values in list(csv.reader(text.splitlines()))[1:]:
        words = values.split()
        if feature == "records":
            found[label] = Label(max(int(values), LEAST))
        elif feature in SYMBOLIC:
            names, counts = zip(*(each.split(":") for each in words), strict=True)
            found[label].names[feature] = (names, [*accumulate(map(int, counts))])
        else:
            found[label].steps[feature] = [float(each) for each in words]
    return found
