"""The envelope: how a dead letter is written as a Kafka record, and read again; pure.

A letter's key is its origin, its value the original bytes, and its headers the original ones, then those of `NAMES`.
The first of these, `HEADERS`, says how many there were before it, so whatever name an original header has, it is no
other's. What Kafka Connect writes, and what was written before there was an envelope, is read too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

Headers = tuple[tuple[str, bytes | None], ...]

PREFIX = "headrace.dlq."
HEADERS, REASON, RUN, ENTRY, TIME, KEY, TIMESTAMP, NULL, SIZE, HASH, STORED, REDRIVEN = NAMES = tuple(
    PREFIX + name
    for name in (
        "headers",  # how many headers the record had
        "reason",
        "run",
        "entry",  # of the ledger of the table that was being written
        "time",  # when it became a dead letter, in epoch milliseconds
        "key",  # absent if the record had none
        "timestamp",  # of the record, in epoch milliseconds
        "null",  # "true": it had no value; in a compacted topic a letter without a value is a deletion
        "size",  # of a value that is not here, in bytes
        "sha256",  # of a value that is not here, in hexadecimal
        "stored",  # the table of the lake that holds it, by its hash; empty if nothing does
        "redriven",  # the topic that a letter was put back to: such a record is no letter
    )
)
CONNECT = "__connect.errors."
BACK = "headrace.redrive."
FIRST, LETTER, ATTEMPT = BACK_NAMES = tuple(BACK + name for name in ("origin", "letter", "attempt"))
"""The headers of a record that was put back: where it failed first, the letter it comes from, and how often by now."""

UNKNOWN = "not said"
PLACE = re.compile(r"([\w.-]+)/(\d+)/(\d+)")
UNSENT = re.compile(r"([\w.-]+)/unsent/[0-9a-f]+")


@dataclass(frozen=True)
class Pointer:
    """Where a value is that no letter can hold.

    Args:
        size: In bytes.
        sha256: Of its bytes, in hexadecimal.
        stored: The table of the lake that holds it: `dead/messages`; empty if nothing does.
    """

    size: int
    sha256: str
    stored: str = ""


@dataclass(frozen=True)
class DeadLetter:
    """One record that could not be processed.

    Args:
        origin: Where it was: `topic/partition/offset`, `topic/unsent/hash` of one that a producer could not send,
            or `table/id` of a row. Two letters of one origin are one.
        reason: Why it could not be processed.
        value: What it was; None is a tombstone.
        entry: The number of the ledger entry of silver that was being written.
        key: The record's own key.
        headers: The record's own headers.
        timestamp: The record's own time, in epoch milliseconds; 0 is not known.
        run: Which run could not process it.
        time: When that was, in epoch milliseconds; 0 is not known.
        pointer: Where the value is if it is not here.
    """

    origin: str
    reason: str
    value: bytes | None
    entry: str = ""
    key: bytes | None = None
    headers: Headers = ()
    timestamp: int = 0
    run: str = ""
    time: int = 0
    pointer: Pointer | None = None

    @property
    def place(self) -> tuple[str, int | None] | None:
        """The topic it goes back to, and its partition if it was in one; None for what never was a record."""
        if there := PLACE.fullmatch(self.origin):
            return there[1], int(there[2])
        unsent = UNSENT.fullmatch(self.origin)
        return (unsent[1], None) if unsent else None

    @property
    def attempt(self) -> int:
        """How often it was put back before."""
        said = text(dict(self.headers).get(ATTEMPT))
        return int(said) if said.isdecimal() else 0

    @property
    def size(self) -> int:
        """How many bytes the value has, wherever it is."""
        return self.pointer.size if self.pointer else len(self.value or b"")


@dataclass(frozen=True)
class Mark:
    """What says that the letter of an origin was put back; it has a key of its own, so compaction keeps both."""

    origin: str
    to: str
    run: str = ""
    time: int = 0


def encode(letter: DeadLetter) -> tuple[bytes, bytes, Headers]:
    """A letter's key, value and headers."""
    pointer = letter.pointer
    said: dict[str, str | bytes | None] = {
        HEADERS: str(len(letter.headers)),
        REASON: letter.reason,
        RUN: letter.run,
        ENTRY: letter.entry or None,
        TIME: str(letter.time),
        KEY: letter.key,
        TIMESTAMP: str(letter.timestamp),
        NULL: "true" if letter.value is None and not pointer else None,
        SIZE: str(pointer.size) if pointer else None,
        HASH: pointer.sha256 if pointer else None,
        STORED: pointer.stored if pointer else None,
    }
    return letter.origin.encode(), letter.value or b"", (*letter.headers, *_headers(said))


def mark(mark: Mark) -> tuple[bytes, bytes, Headers]:
    """A mark's key, value and headers."""
    said = {HEADERS: "0", REDRIVEN: mark.to, RUN: mark.run, TIME: str(mark.time)}
    return f"{mark.origin}#redriven".encode(), b"", _headers(said)


def decode(
    key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]], time: int
) -> DeadLetter | Mark:
    """What one record of a topic of dead letters says.

    Args:
        key: The record's key.
        value: The record's value.
        headers: The record's headers.
        time: The record's own time, in epoch milliseconds.
    """
    count = _own(headers)
    said = dict(headers[max(count, 0) :])
    if count < 0:
        connect = f"{CONNECT}topic" in said
        return _of_connect(key, value, headers, time) if connect else _early(key, value, said, time)
    when = _number(said, TIME)
    if REDRIVEN in said:
        return Mark(text(key).removesuffix("#redriven"), text(said[REDRIVEN]), text(said.get(RUN)), when)
    pointer = Pointer(_number(said, SIZE), text(said[HASH]), text(said.get(STORED))) if HASH in said else None
    return DeadLetter(
        text(key),
        text(said.get(REASON)) or UNKNOWN,
        None if NULL in said or pointer else value,
        text(said.get(ENTRY)),
        said.get(KEY),
        tuple(headers[:count]),
        _number(said, TIMESTAMP),
        text(said.get(RUN)),
        when,
        pointer,
    )


def text(value: bytes | None) -> str:
    """Bytes as text; what is not UTF-8 is replaced."""
    return (value or b"").decode(errors="replace")


def _own(headers: Sequence[tuple[str, bytes | None]]) -> int:
    """How many headers are the record's own; -1 if this is no envelope."""
    for index in range(len(headers) - 1, -1, -1):
        name, value = headers[index]
        if not name.startswith(PREFIX):
            return -1
        if name == HEADERS:
            return index if value == str(index).encode() else -1
    return -1


def _of_connect(
    key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]], time: int
) -> DeadLetter:
    """What Connect writes: key, value and time are the record's own, and it does not say when it failed."""
    said = {name.removeprefix(CONNECT): text(held) for name, held in headers if name.startswith(CONNECT)}
    origin = "/".join(said.get(part, "?") for part in ("topic", "partition", "offset"))
    reason = (said.get("exception.message") or said.get("exception.class.name") or "").partition("\n")[0]
    own = tuple(each for each in headers if not each[0].startswith(CONNECT))
    return DeadLetter(
        origin, reason or UNKNOWN, value, key=key, headers=own, timestamp=time, run=said.get("connector.name", "")
    )


def _early(key: bytes | None, value: bytes | None, said: dict[str, bytes | None], time: int) -> DeadLetter:
    """What was written before version 0.2: no own headers or time, and other names."""
    return DeadLetter(
        text(key),
        text(said.get("reason")) or UNKNOWN,
        None if said.get("null") == b"true" else value,
        text(said.get("entry")),
        said.get("key"),
        run=text(said.get("run")),
        time=time,
    )


def _headers(said: "dict[str, str | bytes | None] | dict[str, str]") -> Headers:
    return tuple(
        (name, value.encode() if isinstance(value, str) else value) for name, value in said.items() if value is not None
    )


def _number(said: dict[str, bytes | None], name: str) -> int:
    held = text(said.get(name))
    return int(held) if held.isdecimal() else 0
