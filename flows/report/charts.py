"""Where the shapes of a chart are: pure. Positions are in units of a chart that is 1,000 wide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

WIDTH = 1000.0
MOST = 8
"""The most series of one chart; the others are summed up as `other`, or left out where there is no sum."""


@dataclass(frozen=True)
class Bar:
    """A rectangle with what it stands for.

    Args:
        series: Which colour, from 0 on.
        label: What it says when pointed at or read aloud.
    """

    x: float
    y: float
    width: float
    height: float
    series: int
    label: str


@dataclass(frozen=True)
class Line:
    """One series as a line.

    Args:
        points: x and y.
        series: Which colour, from 0 on.
        label: What it is.
        values: What each point stands for.
    """

    points: list[tuple[float, float]]
    series: int
    label: str
    values: list[str]

    @property
    def path(self) -> str:
        """As SVG's polyline takes it."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Chart:
    """A chart with its axes.

    Args:
        title: What it shows.
        height: In its units.
        bars: Rectangles.
        lines: Lines.
        columns: Names of the places on the x axis, and where they are.
        ticks: Values on the y axis, and where they are.
        series: The names of the colours.
    """

    title: str
    height: float
    bars: list[Bar]
    lines: list[Line]
    columns: list[tuple[float, str]]
    ticks: list[tuple[float, str]]
    series: list[str]


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`."""
    span = (high - low) or abs(high) or 1.0
    power = 10 ** floor(log10(span / wanted))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power * wanted >= span)
    first = floor(low / step)
    found = [first * step]
    while found[-1] < high:
        found.append((first + len(found)) * step)
    return found if len(found) > 1 else [*found, found[0] + step]


def said(value: float) -> str:
    """A number for people: 1234567 -> 1,234,567, and no more than four digits after the point."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4f}".rstrip("0").rstrip(".")


def columns(names: Sequence[str], left: float) -> list[tuple[float, str]]:
    """Where the names on an x axis are: the middles of equal parts; not all of many are named."""
    each = (WIDTH - left) / max(1, len(names))
    every = max(1, -(-len(names) // 10))
    return [(left + each * (place + 0.5), name if place % every == 0 else "") for place, name in enumerate(names)]


def stacked(title: str, table: Mapping[str, Mapping[str, float]], *, height: float = 260, left: float = 90) -> Chart:
    """One bar a column, a part a series.

    Args:
        title: What it shows.
        table: Values by column and series.
        height: Of the plot, without names.
        left: Room for values on the y axis.
    """
    sums: dict[str, float] = {}
    for row in table.values():
        for name, value in row.items():
            sums[name] = sums.get(name, 0) + value
    ranked = sorted(sums, key=lambda name: (-sums[name], name))
    # By name, so that a series has the same colour in every chart.
    series = sorted(ranked) if len(ranked) <= MOST else [*sorted(ranked[: MOST - 1]), "other"]
    marks = ticks(0, max((sum(row.values()) for row in table.values()), default=1))
    places, each = columns([*table], left), (WIDTH - left) / max(1, len(table))
    bars: list[Bar] = []
    for (x, _), (column, row) in zip(places, table.items(), strict=True):
        merged: dict[str, float] = {}
        for name, value in row.items():
            merged[name if name in series else "other"] = merged.get(name if name in series else "other", 0) + value
        base = height
        for number, name in enumerate(series):
            part = merged.get(name, 0) / marks[-1] * height
            if part:
                label = f"{column}, {name}: {said(merged[name])}"
                bars.append(Bar(x - each * 0.36, base - part, each * 0.72, part, number, label))
                base -= part
    return Chart(title, height, bars, [], places, _axis(marks, height), series)


def lines(title: str, table: Mapping[str, Mapping[str, float]], *, height: float = 200, left: float = 90) -> Chart:
    """One line a series over the columns; the first `MOST` series by name.

    Args:
        title: What it shows.
        table: Values by column and series.
        height: Of the plot, without names.
        left: Room for values on the y axis.
    """
    series = sorted({name for row in table.values() for name in row})[:MOST]
    values = [row[name] for row in table.values() for name in series if name in row]
    marks = ticks(min(values, default=0), max(values, default=1))
    places = columns([*table], left)
    drawn: list[Line] = []
    for number, name in enumerate(series):
        points = [
            (x, _scaled(row[name], marks, height), f"{column}, {name}: {said(row[name])}")
            for (x, _), (column, row) in zip(places, table.items(), strict=True)
            if name in row
        ]
        drawn.append(Line([(x, y) for x, y, _ in points], number, name, [label for _, _, label in points]))
    return Chart(title, height, [], drawn, places, _axis(marks, height), series)


def pivot(rows: Iterable[Mapping[str, Any]], column: str, series: str, value: str) -> dict[str, dict[str, float]]:
    """Rows as values by column and series, summed up where there are several; no value is left out."""
    table: dict[str, dict[str, float]] = {}
    for row in rows:
        if row[value] is not None:
            of = table.setdefault(str(row[column]), {})
            of[str(row[series])] = of.get(str(row[series]), 0) + row[value]
    return dict(sorted(table.items()))


def _scaled(value: float, marks: Sequence[float], height: float) -> float:
    return height - (value - marks[0]) / (marks[-1] - marks[0]) * height


def _axis(marks: Sequence[float], height: float) -> list[tuple[float, str]]:
    return [(_scaled(mark, marks, height), said(mark)) for mark in marks]
