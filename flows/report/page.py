"""The page: what was found, as one HTML file with its styles and pictures in it."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from flows.report import charts
from flows.report.charts import WIDTH, Bar, Chart
from flows.report.found import Found, Step
from jobs.windows import Window

ROW, GAP = 26.0, 8.0
LAST = 20
"""Runs in the table."""


def render(found: Found) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("flows.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["said"] = charts.said
    return environment.get_template("page.html.j2").render(
        found=found,
        width=WIDTH,
        layers=layers(found.counts),
        timeline=timeline(found.windows),
        offsets=offsets(found.windows, found.lag),
        charts=of_gold(found),
        runs=found.runs[:LAST],
    )


def layers(counts: Mapping[str, int]) -> list[Bar]:
    """One bar a layer, as long as its count."""
    most = max(counts.values(), default=0) or 1
    return [
        Bar(110, place * (ROW + GAP), count / most * (WIDTH - 260), ROW, place, f"{layer}: {count:,}")
        for place, (layer, count) in enumerate(counts.items())
    ]


def timeline(windows: list[tuple[Step, Window]]) -> Chart:
    """What bronze took, by the time at which it was committed: a bar a run, a part a partition."""
    table: dict[str, dict[str, float]] = {}
    for step, window in windows:
        of = table.setdefault(f"{step.at:%m-%d %H:%M:%S}", {})
        name = f"partition {window.partition}"
        of[name] = of.get(name, 0) + window.offsets
    return charts.stacked("Offsets that bronze took, by the time of the commit (UTC)", table)


def offsets(windows: list[tuple[Step, Window]], lag: Mapping[int, tuple[int, int, int]]) -> Chart:
    """A row a partition: the windows on its offsets, in two shades in turn, and what is not in bronze yet."""
    left, most = 110.0, max((end for _, end, _ in lag.values()), default=0) or 1
    scale = (WIDTH - left - 10) / most
    rows = {partition: place * (ROW + GAP) for place, partition in enumerate(sorted(lag))}
    bars = [
        Bar(
            left + window.first * scale,
            rows[window.partition],
            max(window.offsets * scale, 1),
            ROW,
            step.entry.sequence % 2,
            f"partition {window.partition}: offsets {window.first:,} to {window.end - 1:,}, entry"
            f" {step.entry.sequence}, {step.entry.run}, {step.at:%Y-%m-%d %H:%M:%S}",
        )
        for step, window in windows
        if window.partition in rows
    ]
    bars += [
        Bar(
            left + at * scale, rows[each], max((end - at) * scale, 1), ROW, 2, f"partition {each}: {end - at:,} to read"
        )
        for each, (_, end, at) in lag.items()
        if end > at
    ]
    names = [(rows[each] + ROW / 2, str(each)) for each in rows]
    places = [(left + mark * scale, charts.said(mark)) for mark in charts.ticks(0, most) if mark <= most]
    return Chart("Windows on the offsets of each partition", len(rows) * (ROW + GAP), bars, [], places, names, [])


def of_gold(found: Found) -> list[Chart]:
    """Gold's count as bars, and each of its other numbers as lines, by period and by its other key."""
    if not found.gold:
        return []
    first = found.gold[-1]
    series = next((name for name, value in first.items() if isinstance(value, str) and name != found.period), None)
    if series is None:
        return []
    made = [
        charts.stacked(
            f"{found.total}, by {series} and {found.period}",
            charts.pivot(found.gold, found.period, series, found.total),
        )
    ]
    others = [name for name, value in first.items() if _is_number(value) and name != found.total]
    made += [
        charts.lines(f"{name}, by {series} and {found.period}", charts.pivot(found.gold, found.period, series, name))
        for name in others
    ]
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
