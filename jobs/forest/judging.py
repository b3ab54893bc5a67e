"""How good a model is, from what it said of connections whose class is known: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.datasets.nslkdd import CLASSES, NORMAL

Confusion = Mapping[tuple[str, str], float]
"""How many records of a class (first) were taken for another or the same (second)."""


@dataclass(frozen=True)
class Figures:
    """How well one class was told from the others.

    Args:
        records: How many there were.
        precision: The share that is right of what was taken for it; 0 if nothing was.
        recall: The share of it that was found; 0 if there is none.
        f1: Their harmonic mean.
    """

    records: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Judgement:
    """How well all of them were.

    Args:
        records: How many there were.
        accuracy: The share whose class is right.
        macro_f1: The mean F1 of the five classes, each counting the same; a class without records counts 0.
        binary_accuracy: The share that is rightly called an attack or none.
        classes: Each class by itself.
        confusion: Rows are what they are, columns what they were taken for.
    """

    records: float
    accuracy: float
    macro_f1: float
    binary_accuracy: float
    classes: dict[str, Figures]
    confusion: dict[str, dict[str, float]]


def judge(confusion: Confusion, classes: Sequence[str] = CLASSES) -> Judgement:
    """The usual figures of a confusion matrix."""
    table = {true: {said: confusion.get((true, said), 0) for said in classes} for true in classes}
    total = sum(map(sum, (row.values() for row in table.values())))
    right = sum(table[each][each] for each in classes)
    benign = sum(count for true, row in table.items() for said, count in row.items() if _same(true, said))
    figures = {each: _figures(table, each) for each in classes}
    return Judgement(
        total,
        _share(right, total),
        sum(each.f1 for each in figures.values()) / len(classes),
        _share(benign, total),
        figures,
        table,
    )


def _same(true: str, said: str) -> bool:
    return (true == NORMAL) == (said == NORMAL)


def _figures(table: Mapping[str, Mapping[str, float]], name: str) -> Figures:
    found = table[name][name]
    records, said = sum(table[name].values()), sum(row[name] for row in table.values())
    precision, recall = _share(found, said), _share(found, records)
    return Figures(records, precision, recall, _share(2 * precision * recall, precision + recall))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
