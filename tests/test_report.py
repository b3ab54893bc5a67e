"""The page of a report: its shapes are right, and it needs nothing but itself."""

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest

from flows.report import charts, page
from flows.report.found import Found, Step, lag, runs
from jobs.lake import Entry
from jobs.windows import Window

BEGAN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
STEPS = [
    Step("bronze", BEGAN, Entry(1, run="r-1", windows=[Window("t", 0, 0, 40), Window("t", 1, 0, 10)], rows=50)),
    Step("silver", BEGAN + timedelta(seconds=9), Entry(1, run="r-1", counts={"dead": 3}, rows=47)),
    Step("bronze", BEGAN + timedelta(hours=1), Entry(2, run="r-2", windows=[Window("t", 0, 40, 60)], rows=20)),
]
GOLD = [
    {"type": kind, "day": date(2026, 1, day), "total": 10 * day, "avg_battery": 50.5 + day}
    for day in (1, 2)
    for kind in ("bus", "<script>alert(1)</script>")
]


@pytest.fixture
def found() -> Found:
    available = {0: (0, 70), 1: (0, 10)}
    return Found(
        "vehicles",
        "t",
        BEGAN,
        "/lake",
        {"topic": 80, "bronze": 70, "silver": 47, "gold": 4},
        lag(available, STEPS),
        STEPS,
        GOLD,
        "day",
        "total",
        [("no type", 3, "t/0/7")],
        runs(STEPS),
    )


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.focusable = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [each for name in ("href", "src") if (each := given.get(name))]
        self.focusable += "tabindex" in given


def test_how_far_bronze_is_and_what_each_run_wrote(found: Found) -> None:
    assert found.lag == {0: (0, 70, 60), 1: (0, 10, 10)}
    assert found.behind == 10
    assert [(run.name, run.rows["bronze"], run.dead) for run in found.runs] == [("r-2", 20, 0), ("r-1", 50, 3)]
    assert [window.first for _, window in found.windows] == [0, 0, 40]


def test_the_page_needs_no_network_and_lets_nothing_in(found: Found) -> None:
    html = page.render(found)
    seen = Page(html)

    assert all(link.startswith("#") for link in seen.links)
    assert {link[1:] for link in seen.links} <= set(seen.ids)
    assert len(seen.ids) == len(set(seen.ids))
    assert not re.search(r"https?://|@import|url\(", html)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "prefers-color-scheme: dark" in html
    assert seen.focusable > 10, "shapes can be reached by the keyboard"


def test_the_page_says_the_figures(found: Found) -> None:
    html = page.render(found)

    for said in ("no type", "t/0/7", "r-1", "r-2", "partition 0: offsets 40 to 59, entry 2", "2026-01-02, bus: 20"):
        assert said in html


def test_a_pipeline_that_has_no_gold_yet_has_a_page(found: Found) -> None:
    bare = Found("vehicles", "t", BEGAN, "/lake", {"topic": 0, "bronze": 0}, {}, STEPS[:1], [], "day", "total", [], [])

    assert "There is no gold yet." in page.render(bare)
    assert found.gold


def test_bars_are_stacked_to_the_sum_and_stay_in_their_chart() -> None:
    table = {"a": {"x": 30.0, "y": 10.0}, "b": {"y": 5.0}}
    chart = charts.stacked("t", table, height=100)

    first = [bar for bar in chart.bars if bar.label.startswith("a")]
    assert sum(bar.height for bar in first) == pytest.approx(100)
    assert {bar.label for bar in chart.bars} == {"a, x: 30", "a, y: 10", "b, y: 5"}
    assert all(bar.y >= -1e-9 and bar.y + bar.height <= 100 + 1e-9 for bar in chart.bars)


def test_many_series_are_summed_up_as_other_and_none_is_lost() -> None:
    table = {"a": {f"s{n}": float(n) for n in range(1, 21)}}
    chart = charts.stacked("t", table)

    assert len(chart.series) == charts.MOST
    assert sum(float(bar.label.rpartition(": ")[2]) for bar in chart.bars) == sum(range(1, 21))


@pytest.mark.parametrize("low, high", [(0, 1), (0, 605_002), (53.4, 56.4), (-3, 3), (5, 5), (0, 0)])
def test_ticks_are_round_and_hold_all_values(low: float, high: float) -> None:
    ticks = charts.ticks(low, high)

    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
