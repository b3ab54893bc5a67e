"""The card of a model: what it learned from, with what, and how good it is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from pydantic import TypeAdapter

from jobs.forest import tally
from jobs.forest.drift import Reference
from jobs.forest.judging import Judgement
from jobs.forest.model import Options
from jobs.forest.search import Tried
from jobs.forest.tally import Sure
from jobs.forest.training import Grown

PACKAGES = ("headrace", "pyspark", "numpy", "pyarrow")
CITED = (
    "M. Tavallaee, E. Bagheri, W. Lu and A. A. Ghorbani: A Detailed Analysis of the KDD CUP 99 Data Set."
    " Second IEEE Symposium on Computational Intelligence for Security and Defense Applications (CISDA), 2009"
)


@dataclass(frozen=True)
class Card:
    """All that is known of a model.

    Args:
        version: Its number.
        trained: When.
        source: What it learned from.
        digest: The SHA-256 of that, unpacked.
        cite: How those who made the data want it to be cited.
        lines: How many lines that has.
        bad: How many of them are no connections, by reason.
        unlabelled: How many more have no label.
        connections: How many different connections it was grown from, by label; a fifth was held back.
        seed: Of the forest and of the folds.
        options: What it was grown with.
        seconds: How long that took.
        held_back: How good it is for connections like those that it learned from.
        tried: What may be expected where a sixth of the connections are attacks of unknown kinds.
        attacks: What the held back connections of each label were taken for.
        calibration: How sure it was of them, and how right.
        reference: How the features of what it learned from are distributed; the stream's are held against it.
        packages: Which versions grew it.
    """

    version: int
    trained: datetime
    source: str
    digest: str
    cite: str
    lines: int
    bad: dict[str, int]
    unlabelled: int
    connections: dict[str, int]
    seed: int
    options: Options
    seconds: float
    held_back: Judgement
    tried: list[Tried]
    attacks: dict[str, dict[str, int]]
    calibration: list[Sure]
    reference: Reference
    packages: dict[str, str]


CARD = TypeAdapter(Card)


def card(number: int, grown: Grown) -> Card:
    """What is known of a forest that was just grown.

    Args:
        number: Its version.
        grown: The forest.
    """
    return Card(
        version=number,
        trained=datetime.now(UTC),
        source=grown.lines.source,
        digest=grown.lines.digest,
        cite=CITED,
        lines=len(grown.lines.lines),
        bad=grown.read.bad,
        unlabelled=grown.read.unlabelled,
        connections=dict(sorted(grown.trained.items())),
        seed=grown.seed,
        options=grown.options,
        seconds=grown.seconds,
        held_back=tally.judged(grown.tallies),
        tried=grown.tried,
        attacks=tally.attacks(grown.tallies),
        calibration=tally.calibration(grown.tallies),
        reference=grown.reference,
        packages={each: _version(each) for each in PACKAGES},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # an image holds the folders of headrace, not the package
        return "that of the image"
