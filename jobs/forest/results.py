"""What the jobs of the forest say when they are done."""

from dataclasses import dataclass

from jobs.forest.drift import Drift


@dataclass(frozen=True)
class Status:
    """The newest model.

    Args:
        version: Its number; 0 if there is none.
        days: How old it is.
        stale: Whether it is too old, or there is none.
        macro_f1: The mean F1 of the five classes, for connections that were held back from it.
        accuracy: The share of them whose class is right.
        binary_accuracy: The share that is rightly called an attack or none.
    """

    version: int = 0
    days: float = 0
    stale: bool = True
    macro_f1: float = 0
    accuracy: float = 0
    binary_accuracy: float = 0


@dataclass(frozen=True)
class Trained(Status):
    """What one training did: the newest model.

    Args:
        trained: Whether it is new; else there was one that is young enough.
        records: How many different connections it learned from.
        bad: How many lines were left out: they are no connections, or have no label.
        seconds: How long the forest took to grow.
    """

    trained: bool = False
    records: int = 0
    bad: int = 0
    seconds: float = 0


@dataclass(frozen=True)
class Written:
    """The page of a model.

    Args:
        version: The model's.
        file: Where the page is.
        size: How many bytes it has.
    """

    version: int
    file: str
    size: int


@dataclass(frozen=True)
class Scored:
    """What one scoring did.

    Args:
        topic: What was scored.
        model: The model's version.
        scored: Records that went into `scored/TOPIC`.
        alerts: Attacks that were told.
        dead: Records that went to the dead letters.
        batches: Micro-batches.
        seconds: From the first micro-batch's begin to the end of the last.
        rate: Scored records a second of them.
        late_p50_ms: From a record's own time to its alert's acknowledgement: half of the alerts at most so.
        late_p99_ms: The same for 99 of 100.
        drift: The features that are farthest from what they were in training.
    """

    topic: str
    model: int
    scored: int
    alerts: int
    dead: int
    batches: int
    seconds: float
    rate: float
    late_p50_ms: float
    late_p99_ms: float
    drift: list[Drift]
