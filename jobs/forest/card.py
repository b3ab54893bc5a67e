"""The card of a model: what it learned from, with what, and how good it is."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from jobs.forest import tally
from jobs.forest.judging import Judgement
from jobs.forest.model import Options
from jobs.forest.tally import Sure
from jobs.forest.training import Grown


@dataclass(frozen=True)
class Card:
    """All that is known of a model."""

    version: int
    source: str
    digest: str
    lines: int
    bad: dict[str, int]
    trained: dict[str, int]
    seed: int
    options: Options
    seconds: float
    held_back: Judgement
    attacks: dict[str, dict[str, int]]
    calibration: list[Sure]


CARD = TypeAdapter(Card)


def written(version: int, grown: Grown) -> tuple[str, str]:
    """The card as JSON and as HTML."""
    made = Card(
        version,
        grown.lines.source,
        grown.lines.digest,
        len(grown.lines.lines),
        grown.bad,
        grown.trained,
        grown.seed,
        grown.options,
        grown.seconds,
        tally.judged(grown.tallies),
        tally.attacks(grown.tallies),
        tally.calibration(grown.tallies),
    )
    return CARD.dump_json(made).decode(), ""
