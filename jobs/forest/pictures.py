"""The pictures of a card, as SVG that needs nothing else: pure."""

from collections.abc import Sequence
from html import escape

from jobs.forest.judging import Judgement
from jobs.forest.tally import Sure

CELL = 76
LEFT = 90
TOP = 56
SIDE = 260
MARGIN = 44


def confusion(judged: Judgement) -> str:
    """What each class was taken for: a row is what connections are, and darker is a larger share of it."""
    names = [*judged.confusion]
    parts: list[str] = []
    for row, (true, said) in enumerate(judged.confusion.items()):
        total = sum(said.values())
        middle = TOP + row * CELL + CELL / 2
        parts += [_text(LEFT - 8, middle + 4, true, "end")]
        for column, name in enumerate(names):
            share = said[name] / total if total else 0
            x, y = LEFT + column * CELL, TOP + row * CELL
            kind = "right" if name == true else "wrong"
            parts += [
                f'<rect class="{kind}" x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}"'
                f' fill-opacity="{share:.3f}"><title>{escape(true)} taken for {escape(name)}</title></rect>',
                _text(x + CELL / 2, middle, f"{said[name]:,.0f}", "middle", "dark" if share > 0.5 else ""),
                _text(x + CELL / 2, middle + 16, f"{share:.1%}", "middle", "dark" if share > 0.5 else ""),
            ]
    heads = [_text(LEFT + at * CELL + CELL / 2, TOP - 8, name, "middle") for at, name in enumerate(names)]
    size = len(names) * CELL
    label = _text(LEFT + size / 2, TOP - 32, "taken for", "middle")
    return _svg("Confusion matrix", LEFT + size + 8, TOP + size + 8, [label, *heads, *parts])


def calibration(bins: Sequence[Sure]) -> str:
    """How right a model is (up) when it is so sure (across): a point on the diagonal is as right as it is sure."""
    bottom = MARGIN + SIDE

    def at(sure: Sure) -> tuple[float, float]:
        return MARGIN + sure.probability * SIDE, bottom - sure.right * SIDE

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, bins))
    dots = [
        f'<circle cx="{at(each)[0]:.1f}" cy="{at(each)[1]:.1f}" r="5"><title>{each.records:,} connections: sure'
        f" {each.probability:.1%}, right {each.right:.1%}</title></circle>"
        for each in bins
    ]
    marks = [
        text
        for tenth in range(0, 11, 2)
        for text in (
            _text(MARGIN + tenth * SIDE / 10, bottom + 18, f"{tenth / 10:.1f}", "middle"),
            _text(MARGIN - 6, bottom - tenth * SIDE / 10 + 4, f"{tenth / 10:.1f}", "end"),
        )
    ]
    frame = [
        f'<rect class="frame" x="{MARGIN}" y="{MARGIN}" width="{SIDE}" height="{SIDE}"/>',
        f'<path class="even" d="M{MARGIN} {bottom}L{MARGIN + SIDE} {MARGIN}"/>',
        _text(MARGIN + SIDE / 2, bottom + 36, "how sure it was", "middle"),
        _text(MARGIN, MARGIN - 12, "how often it was right", "start"),
    ]
    curve = f'<polyline points="{line}"/>'
    return _svg("Calibration", MARGIN * 2 + SIDE, MARGIN * 2 + SIDE, [*frame, *marks, curve, *dots])


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return (
        f'<svg role="img" aria-label="{title}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{inside}</svg>"
    )


def _text(x: float, y: float, words: str, anchor: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
