"""The one line that every benchmark ends in, and the load above which none is judged."""

import json
import os
import sys

MAX_LOAD = 3.0


def load() -> float:
    """The machine's load over the last minute."""
    return os.getloadavg()[0]


def refuse_if_busy() -> None:
    """End with status 4 when the machine is too busy for times to mean anything."""
    if load() > MAX_LOAD:
        sys.exit(f"load {load():.1f} is above {MAX_LOAD}: nothing was measured; try again when the machine is quiet")


def write(name: str, ours: float, peer: float, unit: str, *, limit: float | None = None) -> None:
    """Write the line: `ours` and `peer` in `unit`, more is better, and their ratio.

    Args:
        name: Benchmark and peer: `chain/plain-commands`.
        ours: Our median.
        peer: The peer's median, from the same run.
        unit: What both are measured in.
        limit: What the machine or the service allows at most, if that was measured.
    """
    rounded = {"ours": round(ours, 1), "peer": round(peer, 1), "limit": limit}
    said = {"name": name, **rounded, "ratio": round(ours / peer, 3), "unit": unit, "load": round(load(), 2)}
    sys.stdout.write(json.dumps(said) + "\n")
