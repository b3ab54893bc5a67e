"""Dead letters: what could not be processed, as it was, with where it was and why."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from jobs.dlq import reading, redriving
from jobs.dlq.courier import Courier
from jobs.dlq.index import index
from jobs.dlq.letter import DeadLetter, Pointer
from jobs.dlq.redriving import Redriven
from jobs.dlq.sending import limit, send, topic_of, unsent
from jobs.errors import DeadLetterError
from jobs.job import job

__all__ = ["DeadLetter", "Pointer", "index", "limit", "send", "topic_of", "unsent"]

LONG = 2_000  # bytes of a value that people are shown


@dataclass(frozen=True)
class Reason:
    """The dead letters that have one reason.

    Args:
        reason: Why they could not be processed.
        count: How many there are.
        redriven: Of these, how many were put back.
        first_seen: When the first of them was written, in UTC; empty where a letter does not say.
        last_seen: When the last one was.
        example: The origin of one of them.
    """

    reason: str
    count: int
    redriven: int
    first_seen: str
    last_seen: str
    example: str


@dataclass(frozen=True)
class Shown:
    """One dead letter, for people.

    Args:
        origin: Where it was.
        reason: Why it could not be processed.
        time: When that was, in UTC.
        timestamp: The record's own time, in UTC.
        run: Which run it was.
        attempt: How often it was put back before it failed again.
        redriven: Whether this letter was put back.
        key: The record's key.
        headers: The record's headers.
        size: The bytes of its value.
        value: Its value as text if it is text, else in base64, at most 2,000 bytes of it; null is a tombstone.
        elsewhere: Where the value is if no letter could hold it.
    """

    origin: str
    reason: str
    time: str
    timestamp: str
    run: str
    attempt: int
    redriven: bool
    key: str | None
    headers: dict[str, str]
    size: int
    value: str | None
    elsewhere: str


@job("jobs", retries=2, needs=("kafka",))
def list(topic: str, *, top: int = 50) -> list[Reason]:
    """Count dead letters by reason.

    Args:
        topic: The topic of dead letters, for example `messages.dlq`.
        top: How many reasons to show, the most frequent ones; the others are one line.
    """
    with index(topic) as letters:
        found = [
            Reason(reason, count, back, moment(first), moment(last), example)
            for reason, count, back, first, last, example in letters.reasons(top)
        ]
        others, count, back = letters.rest(top)
    return [*found, Reason(f"({others} other reasons)", count, back, "", "", "")] if others else found


@job("jobs", retries=2, needs=("kafka",))
def show(
    topic: str, *, reason: str = "", most: Annotated[int, Parameter(alias="--max")] = 5, redriven: bool = False
) -> tuple[Shown, ...]:
    """Show some dead letters: where they were, why they are here, and what they say.

    Args:
        topic: The topic of dead letters, for example `messages.dlq`.
        reason: Only of this reason; `*` stands for any characters.
        most: At most so many.
        redriven: Also those that were put back.
    """
    with index(topic) as letters:
        redriving.refuse_unknown(letters, reason)
        spots = letters.spots(reason, most=most, marked=redriven)
        return tuple(shown(each, back=not letters.is_open(each.origin)) for _, each in reading.letters(topic, spots))


@job("spark", cpu="500m", memory="512Mi", retries=2, minutes=60, needs=("kafka", "lake", "spark"))
def redrive(
    topic: str,
    *,
    reason: str = "",
    most: Annotated[int, Parameter(alias="--max")] = -1,
    rate: float = 0,
    to: str = "",
    max_attempts: int = 3,
    dry_run: bool = False,
) -> Redriven:
    """Put dead letters back on the topic where they came from, each once, as they were.

    Args:
        topic: The topic of dead letters, for example `messages.dlq`.
        reason: Only of this reason; `*` stands for any characters.
        most: At most so many; -1 is all.
        rate: At most so many a second; 0 is no limit.
        to: Put them on this topic instead.
        max_attempts: What failed again after so many times stays where it is.
        dry_run: Only say what would be done.

    Raises:
        DeadLetterError: Some could not be put back; they stay, and the result says why.
    """
    courier = None if dry_run else Courier(topic)
    if courier:
        courier.begin()
    with index(topic) as letters:
        redriving.refuse_unknown(letters, reason)
        matching, exhausted = letters.count(reason), letters.count(reason, attempts=max_attempts)
        left = max(0, matching - exhausted - most) if most >= 0 else 0
        result = Redriven(topic, matching, exhausted=exhausted, left=left, dry_run=dry_run)
        chosen = letters.spots(reason, most=most, attempts=max_attempts)
        redriving.redrive(courier, chosen, result, to=to, rate=rate)
    if stay := exhausted + sum(result.unable.values()):
        raise DeadLetterError(
            f"{stay} of {matching} letters stay on {topic}: "
            + "; ".join([*result.unable, *([f"put back {max_attempts} times before"] if exhausted else [])]),
            hint=f"headrace dlq show --topic={topic}",
            result=result,
        )
    return result


def shown(dead: DeadLetter, *, back: bool) -> Shown:
    """A letter for people."""
    value, size = dead.value, dead.size
    where = f"{dead.pointer.stored or 'kept nowhere'}, sha256 {dead.pointer.sha256}" if dead.pointer else ""
    payload = None if value is None else readable(value)
    headers = {name: readable(held or b"") for name, held in dead.headers}
    key = None if dead.key is None else readable(dead.key)
    times = moment(dead.time), moment(dead.timestamp)
    return Shown(dead.origin, dead.reason, *times, dead.run, dead.attempt, back, key, headers, size, payload, where)


def readable(value: bytes) -> str:
    """Bytes as text where they are text, else as base64; long ones are cut."""
    cut = value[:LONG]
    try:
        said = cut.decode() if len(cut) == len(value) else cut.decode(errors="ignore")
        value.decode()
    except UnicodeDecodeError:
        said = f"base64:{b64encode(cut).decode()}"
    return said if len(cut) == len(value) else f"{said}..."


def moment(time: int) -> str:
    """Epoch milliseconds as a time in UTC; 0 is not known."""
    return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="seconds") if time else ""
