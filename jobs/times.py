"""Lengths of time and moments, as people write and read them."""

import re
from datetime import UTC, datetime, timedelta

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


def moment(text: str) -> datetime:
    """A moment in UTC: ISO 8601 such as 2026-01-01T10:00 (UTC unless it says another zone), or 6h for so long ago.

    Raises:
        UsageError: It is neither.
    """
    if re.fullmatch(r"\d+(?:\.\d+)?[smhdw]", text.strip()):
        return datetime.now(UTC) - timedelta(seconds=seconds(text))
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text!r} is no moment: write it as 2026-01-01T10:00, or 6h for so long ago") from None
    return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
