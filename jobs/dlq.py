"""Dead letters: what could not be processed, as it was, with where it was and why."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import Message

from jobs import kafka
from jobs.errors import JobError
from jobs.job import job

# The headers of a dead letter; its key is its origin, its value the original bytes.
REASON, RUN, ENTRY, KEY, NULL = "reason", "run", "entry", "key", "null"

CONNECT = "__connect.errors"


@dataclass(frozen=True)
class DeadLetter:
    """One record that could not be processed.

    Args:
        origin: Where it was: `topic/partition/offset`, or `table/id` of a row.
        reason: Why it could not be processed.
        value: What it was; None is a tombstone.
        entry: The number of the ledger entry of silver that was being written.
    """

    origin: str
    reason: str
    value: bytes | None
    entry: str = ""


@dataclass(frozen=True)
class Reason:
    """How many dead letters have one reason, and where the first of them was."""

    reason: str
    count: int
    first: str


def topic_of(topic: str) -> str:
    """The topic of the dead letters of `topic`."""
    return f"{topic}.dlq"


def letters(topic: str) -> Iterator[DeadLetter]:
    """What a topic of dead letters holds; a letter written twice comes once, as it was last."""
    last = {letter.origin: letter for letter in map(_letter, kafka.records(topic))}
    yield from last.values()


def _letter(record: Message) -> DeadLetter:
    headers = {name: _text(value) for name, value in record.headers() or []}
    if f"{CONNECT}.topic" in headers:  # Connect's own: the key is the record's
        origin = "/".join(headers.get(f"{CONNECT}.{part}", "?") for part in ("topic", "partition", "offset"))
        reason = headers.get(f"{CONNECT}.exception.message") or headers.get(f"{CONNECT}.exception.class.name", "")
        return DeadLetter(origin, reason.partition("\n")[0] or "not said", record.value())
    value = None if headers.get(NULL) == "true" else record.value()
    return DeadLetter(_text(record.key()), headers.get(REASON, "not said"), value, headers.get(ENTRY, ""))


def send(topic: str, dead: Iterable[DeadLetter], run: str) -> int:
    """Write dead letters, and return how many once the brokers have them all.

    Raises:
        JobError: Some were not accepted.
    """
    delivered = kafka.produce(
        topic,
        (
            kafka.Record(
                letter.value,
                letter.origin.encode(),
                headers=[(REASON, letter.reason.encode()), (RUN, run.encode())],
            )
            for letter in dead
        ),
    )
    if delivered.acked != delivered.sent:
        raise JobError(
            f"{topic} accepted {delivered.acked} of {delivered.sent} dead letters: {delivered.error}",
            hint="headrace topics apply",
        )
    return delivered.acked


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


@job("jobs", retries=2, needs=("kafka",))
def list(topic: str) -> list[Reason]:
    """Count dead letters by reason.

    Args:
        topic: The topic of dead letters, for example `messages.dlq`.
    """
    found = [*letters(topic)]
    counts = Counter(letter.reason for letter in found)
    firsts = {letter.reason: letter.origin for letter in reversed(found)}
    return [Reason(reason, count, firsts[reason]) for reason, count in counts.most_common()]
