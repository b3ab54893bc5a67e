"""Dead letters: what could not be processed, as it was, with where it was and why."""

from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.dlq.index import index
from jobs.dlq.letter import DeadLetter, Pointer
from jobs.dlq.sending import limit, send, topic_of, unsent
from jobs.job import job

__all__ = ["DeadLetter", "Pointer", "index", "limit", "send", "topic_of", "unsent"]


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


def moment(time: int) -> str:
    """Epoch milliseconds as a time in UTC; 0 is not known."""
    return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="seconds") if time else ""
