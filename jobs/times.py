"""Lengths of time, as people write and read them: pure."""

import re

from jobs.errors import UsageError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text: str) -> float:
    """A time such as 90s, 15m, 1h, 7d in seconds; nothing is 0.

    Raises:
        UsageError: It is not one.
    """
    parts = re.fullmatch(r"(?:(\d+(?:\.\d+)?)([smhdw]))?", text.strip())
    if not parts:
        raise UsageError(f"{text!r} is no time: write it as 90s, 15m, 1h or 7d")
    return float(parts[1]) * UNITS[parts[2]] if parts[1] else 0.0


def said(length: float) -> str:
    """The same for people, in its largest unit: 5400 -> `1.5 h`."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if length >= unit:
            return f"{length / unit:.1f} {name}".replace(".0 ", " ")
    return f"{length:.0f} s"
