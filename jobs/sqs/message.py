"""One message of a queue: what SQS accepts as one, how it counts its bytes, and what tells it from all others."""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

ENTRIES = 10
"""Messages of one SendMessageBatch, by SQS's quota."""

# The characters that SQS takes, as SendMessage's reference lists them: XML 1.0's.
REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What a group or a deduplication id may be made of: letters, digits and ASCII's punctuation.
NAME = re.compile(r"[!-~]{1,128}")


@dataclass(slots=True)
class Message:
    """A message on its way.

    Args:
        origin: Where it is from: `topic/partition/offset`, or `table/id` of a row.
        value: The original bytes; what a dead letter keeps.
        entry: What SendMessageBatch is given; its `Id` is set anew for each request.
        size: Its bytes as SQS counts them: body and attributes.
        partition: The partition of its record; 0 for a row.
        offset: Its offset there; for a row, its place in this run.
        key: The record's key; for a row, its id.
        headers: The record's headers.
        timestamp: The record's time, in epoch milliseconds.
        group: Its message group; empty on a standard queue.
        refused: Why the queue would never take it; empty if it may.
        tries: How often it was sent.
        failing: Since when it has been failing, in seconds of the monotonic clock; 0 if it is not.
        doubtful: Whether it may be in the queue although no answer said so.
        alone: Whether it must be in a request of its own.
    """

    origin: str
    value: bytes | None
    entry: dict[str, Any] = field(default_factory=dict[str, Any])
    size: int = 0
    partition: int = 0
    offset: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = 0
    group: str = ""
    refused: str = ""
    tries: int = 0
    failing: float = 0.0
    doubtful: bool = False
    alone: bool = False

    @property
    def body(self) -> str:
        """What is sent."""
        return self.entry.get("MessageBody", "")


def size_of(body: str, attributes: dict[str, dict[str, str]]) -> int:
    """Bytes as SQS counts them: the body, and each attribute's name, type and value."""
    named = [f"{name}{each['DataType']}{each['StringValue']}" for name, each in attributes.items()]
    return _utf8(body) + _utf8("".join(named))


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def fault(body: str) -> str:
    """Why SQS would never take a body, with AWS's code; empty if it would."""
    if not body:
        return "MissingParameter: the body is empty"
    # All printable characters are among those that SQS takes, and asking for them is 20 times as fast.
    if body.isprintable() or not (found := REFUSED.search(body)):
        return ""
    return f"InvalidMessageContents: character U+{ord(found[0]):04X} at {found.start()}"


def name_of(topic: str, partition: int, offset: int) -> str:
    """The deduplication id of a record: `topic-partition-offset`; a hash of it when that is too long."""
    name = f"{topic}-{partition}-{offset}"
    return name if len(name) <= 128 else sha256(name.encode()).hexdigest()


def group_of(key: bytes | None, topic: str, partition: int) -> str:
    """The message group of a record: its key, a hash of a key that SQS would not take, or its partition if it has none.

    Records of one key are in one partition, so either way the order of the topic is the order of the group.
    """
    if not key:
        return name_of(topic, partition, 0).removesuffix("-0")
    try:
        text = key.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    return text if NAME.fullmatch(text) else sha256(key).hexdigest()
