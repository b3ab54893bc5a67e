"""A picture of a sending: the rate that was asked for, and the one that the brokers acknowledged."""

from collections.abc import Iterable
from math import ceil, log10
from pathlib import Path
from xml.etree import ElementTree as Xml

from jobs.errors import UsageError
from jobs.replay.pacing import Seen, Slot, wanted

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960, 360, 80, 56, 40
STYLE = """
svg { background: #fff; color: #222; font: 13px system-ui, sans-serif }
text { fill: currentColor } .end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: currentColor; opacity: .2 }
polyline { fill: none; stroke-width: 2 }
.asked { stroke: #b45309; stroke-dasharray: 5 3 } .acked { stroke: #1d4ed8 }
@media (prefers-color-scheme: dark) {
  svg { background: #111; color: #eee } .asked { stroke: #fbbf24 } .acked { stroke: #93c5fd }
}
"""


def checked(file: str) -> Path | None:
    """Where to draw, found out before hours of sending; None if nobody wants to see it.

    Raises:
        UsageError: There is no such folder, or it is one.
    """
    path = Path(file)
    if file and (path.is_dir() or not path.parent.is_dir()):
        raise UsageError(f"--plot={file}: no file can be there", hint="--plot=rate.svg, in a folder that exists")
    return path if file else None


def drawn(topic: str, seen: Seen, times: Iterable[Slot] | None) -> str:
    """The picture, as SVG with a light and a dark look.

    Args:
        topic: Where events went.
        seen: What was acknowledged by when.
        times: The schedule, from the first event that was sent; None if there was none.
    """
    acked = seen.rates()
    asked = wanted(times, [end for end, _ in acked]) if times else []
    length = max((end for end, _ in acked), default=1.0)
    top = _round(max((rate for _, rate in (*acked, *asked)), default=1.0) or 1.0)

    svg = Xml.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
    svg.set("aria-label", f"{topic}: events a second, second by second")
    Xml.SubElement(svg, "style").text = STYLE
    _text(svg, LEFT, 22, f"{topic}: events a second")
    for step in range(5):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * step / 4
        Xml.SubElement(svg, "line", {"class": "grid", "x1": str(LEFT), "x2": str(WIDTH), "y1": f"{y}", "y2": f"{y}"})
        _text(svg, LEFT - 8, y + 4, f"{top * step / 4:,.0f}" if top >= 4 else f"{top * step / 4:.2f}", "end")
        x = LEFT + (WIDTH - LEFT) * step / 4
        _text(svg, x, HEIGHT - 16, f"{length * step / 4:,.1f} s", "end" if step == 4 else "middle")
    for name, rates, place in (("asked", asked, 0), ("acked", acked, 1)):
        if rates:
            points = " ".join(_point(end, rate, length, top) for end, rate in _stairs(rates))
            Xml.SubElement(svg, "polyline", {"class": name, "points": points})
            x = LEFT + 160 * place
            Xml.SubElement(svg, "polyline", {"class": name, "points": f"{x},40 {x + 24},40"})
            _text(svg, x + 32, 44, {"asked": "asked for", "acked": "acknowledged"}[name])
    return Xml.tostring(svg, encoding="unicode") + "\n"


def _stairs(rates: list[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """A rate holds from the end of the one before to its own."""
    begin = 0.0
    for end, rate in rates:
        yield begin, rate
        yield end, rate
        begin = end


def _point(seconds: float, rate: float, length: float, top: float) -> str:
    x = LEFT + (WIDTH - LEFT) * seconds / length
    return f"{x:.1f},{HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate / top:.1f}"


def _text(svg: Xml.Element, x: float, y: float, text: str, anchor: str = "start") -> None:
    Xml.SubElement(svg, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", "class": anchor}).text = text


def _round(value: float) -> float:
    """A round number that is no smaller."""
    power = 10.0 ** ceil(log10(value))
    return next(share * power for share in (0.2, 0.4, 0.6, 0.8, 1) if share * power >= value)
