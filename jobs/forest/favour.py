"""What is to be expected of a forest among attacks that it knows and others, and which classes it should favour: pure.

A forest rarely takes a connection for an attack that it has not seen: the class that it names should be that which
costs least, not the one that is likeliest among what it learned. How much likelier a class is taken to be than it seems
is chosen where attacks were hidden from training.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.datasets.nslkdd import CLASS_OF, CLASSES, KNOWN, NORMAL
from jobs.forest.judging import Judgement, judge

SHARES = {"normal": 0.5, "dos": 0.295, "probe": 0.15, "r2l": 0.045, "u2r": 0.01}
"""How frequent the classes are expected to be: half of the connections are attacks, and their classes are as frequent
as the roots of what the training set has: between that, which no other network has, and all alike. So are not the
attacks of a class, which are all expected as often: it is these that change."""

UNSEEN = 1 / 3
"""The share of attacks that are of kinds which training has not seen: a sixth of all connections."""

FACTORS = (1, 1.5, 2, 3, 4, 6, 8)
ROUNDS = 2


@dataclass(frozen=True)
class Guesses:
    """What forests thought of connections that they had not seen.

    Args:
        labels: What each is.
        unseen: Whether the forest knew none of its kind.
        probabilities: Those of the five classes, one row a connection.
    """

    labels: Sequence[str]
    unseen: Sequence[bool]
    probabilities: NDArray[np.float32]


def expected(guesses: Guesses, favour: dict[str, float]) -> Judgement:
    """The figures among connections as they are expected to be."""
    return _expected(_Mixed(guesses), favour)


def chosen(guesses: Guesses) -> dict[str, float]:
    """The favour with the best macro F1, each class in turn; of equal ones the least."""
    mixed = _Mixed(guesses)
    found: dict[str, float] = {}
    best = _expected(mixed, found).macro_f1
    for _ in range(ROUNDS):
        for name in CLASSES[1:]:
            for factor in FACTORS:
                tried = {**found, name: factor}
                if (figure := _expected(mixed, tried).macro_f1) > best + 1e-6:
                    best, found = figure, tried
    return {name: factor for name, factor in found.items() if factor != 1}


class _Mixed:
    """Guesses with how often each is to be expected."""

    def __init__(self, guesses: Guesses) -> None:
        kinds = [*zip(guesses.labels, guesses.unseen, strict=True)]
        counts = Counter(kinds)
        share = {kind: _share(*kind) / count for kind, count in counts.items()}
        self.weights = np.array([share[kind] for kind in kinds])
        self.classes = np.array([CLASSES.index(CLASS_OF[label]) for label in guesses.labels])
        self.probabilities = guesses.probabilities


def _share(label: str, unseen: bool) -> float:
    """Of all connections."""
    name = CLASS_OF[label]
    if name == NORMAL:
        return SHARES[name]
    return SHARES[name] / len(KNOWN[name]) * (UNSEEN if unseen else 1 - UNSEEN)


def _expected(mixed: _Mixed, favour: dict[str, float]) -> Judgement:
    said = (mixed.probabilities * np.array([favour.get(each, 1) for each in CLASSES])).argmax(axis=1)
    size = len(CLASSES)
    table = np.bincount(mixed.classes * size + said, weights=mixed.weights, minlength=size * size)
    return judge({(CLASSES[at // size], CLASSES[at % size]): float(share) for at, share in enumerate(table)})
