"""Electric vehicles that report where they are: 600 of them, one event a second in all, 190 bytes each with its key.

Each drives around its home and charges when it is nearly empty. Everything follows from the seed and the number.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from math import cos, pi, sin
from random import Random
from typing import NamedTuple

from jobs.datasets.events import OPENING, number_within

TOPIC = "vehicles-events"
FLEET = 600
FIRST_DAY = 20_454  # 2026-01-01, in days since 1970
DAY = 86_400
TYPES = ("car",) * 10 + ("van",) * 4 + ("bus",) * 2 + ("truck",) * 2 + ("scooter",) * 2
CITIES = ((52.52, 13.405), (48.857, 2.352), (40.417, -3.703), (59.329, 18.069), (41.893, 12.483))


class Vehicle(NamedTuple):
    """What a vehicle is like: where it lives, how far it drives and how fast it empties."""

    id: bytes
    type: bytes
    latitude: float
    longitude: float
    reach: float
    phase: float
    turn: float
    used: float
    drain: float
    pace: float


def events(seed: int, numbers: range) -> Iterator[tuple[bytes, bytes]]:
    """Key (the vehicle) and value of the events with these numbers."""
    fleet = _fleet(seed)
    form = _form(seed)
    for number in numbers:
        step, which = divmod(number, FLEET)
        day, second = divmod(number, DAY)
        minute, second = divmod(second, 60)
        hour, minute = divmod(minute, 60)
        each = fleet[which]
        angle = each.phase + each.turn * step
        yield (
            each.id,
            form
            % (
                number,
                each.id,
                each.type,
                _date(day),
                hour,
                minute,
                second,
                number * 7919 % 1000,
                100 - (each.used + each.drain * step) % 90,
                each.latitude + each.reach * sin(angle),
                each.longitude + each.reach * cos(angle),
                each.pace * (1 + sin(3 * angle)),
            ),
        )


def number(key: bytes | None, value: bytes | None, seed: int) -> int | None:  # noqa: ARG001 - the vehicle's name
    """The number of a generated event; None if it is not one of this seed."""
    return number_within(value, seed)


@cache
def _fleet(seed: int) -> list[Vehicle]:
    random = Random(seed)  # noqa: S311 - nothing secret is drawn
    vehicles: list[Vehicle] = []
    for number in range(FLEET):
        latitude, longitude = random.choice(CITIES)
        vehicles.append(
            Vehicle(
                id=b"vehicle-%05d" % number,
                type=random.choice(TYPES).encode(),
                latitude=latitude,
                longitude=longitude,
                reach=random.uniform(0.02, 0.2),
                phase=random.uniform(0, 2 * pi),
                turn=random.uniform(0.05, 0.3),
                used=random.uniform(0, 90),
                drain=random.uniform(0.2, 1.5),
                pace=random.uniform(10, 55),
            )
        )
    return vehicles


def _form(seed: int) -> bytes:
    return (
        (OPENING % seed).encode() + b'%012d","vehicle_id":"%b","type":"%b","time":"%bT%02d:%02d:%02d.%03dZ",'
        b'"battery":%.1f,"latitude":%.6f,"longitude":%.6f,"speed":%.1f}'
    )


@cache
def _date(day: int) -> bytes:
    return datetime.fromtimestamp((FIRST_DAY + day) * DAY, UTC).strftime("%Y-%m-%d").encode()
