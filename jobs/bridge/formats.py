"""The three embedded formats: what a record's key and value are within JSON. Pure.

Source: Strimzi's Kafka Bridge, "Content Type headers" and "Embedded data format".
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from jobs.bridge.bodies import Header, PartitionRecord, TopicRecord
from jobs.bridge.refusals import RefusedError

PLAIN = "application/vnd.kafka.v2+json"


@dataclass(frozen=True)
class Format:
    """One way to write keys and values.

    Args:
        name: As a consumer's `format` says it.
        type: Its content type.
        decode: The bytes of a value in a request; raises ValueError, saying what it must be.
        encode: The JSON of a record's bytes; raises ValueError when they are nothing of the kind.
    """

    name: str
    type: str
    decode: Callable[[Any], bytes]
    encode: Callable[[bytes], bytes]


class UndecodableError(Exception):
    """A record is nothing of the format in which it is asked for."""


class Fetched(Protocol):
    """What is needed of a record that was read."""

    def topic(self) -> str | None: ...  # noqa: D102
    def partition(self) -> int | None: ...  # noqa: D102
    def offset(self) -> int | None: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102
    def key(self) -> Any: ...  # noqa: D102
    def value(self) -> Any: ...  # noqa: D102
    def headers(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Sent:
    """A record as Kafka takes it."""

    value: bytes | None
    key: bytes | None
    partition: int
    headers: list[tuple[str, str | bytes | None]]
    timestamp: int


def _from_base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("a base64 string")  # noqa: TRY004 - one kind of problem, one exception
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a base64 string") from None


def _from_text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("a string")  # noqa: TRY004
    return value.encode()


def _embedded(value: bytes) -> bytes:
    from_json(value, allow_inf_nan=False)
    return value  # as its producer wrote it: numbers keep their digits


FORMATS = {
    each.name: each
    for each in (
        Format("json", "application/vnd.kafka.json.v2+json", to_json, _embedded),
        Format(
            "binary",
            "application/vnd.kafka.binary.v2+json",
            _from_base64,
            lambda value: b'"' + base64.b64encode(value) + b'"',
        ),
        Format("text", "application/vnd.kafka.text.v2+json", _from_text, lambda value: to_json(value.decode())),
    )
}
BY_TYPE = {each.type: each for each in FORMATS.values()}


def sent(records: Sequence[PartitionRecord | TopicRecord], form: Format, partition: int | None = None) -> list[Sent]:
    """Records of a request as Kafka takes them; a null value is a tombstone.

    Args:
        records: From the body.
        form: What the content type says.
        partition: From the address.

    Raises:
        RefusedError: 422, when there is none, or one is not of the format.
    """
    if not records:
        raise RefusedError(422, "The record list is not valid.")
    return [_sent(each, form, partition) for each in records]


def _sent(record: PartitionRecord | TopicRecord, form: Format, partition: int | None) -> Sent:
    own = record.partition if isinstance(record, TopicRecord) else partition
    headers: list[tuple[str, str | bytes | None]] = [(each.key, _header(each)) for each in record.headers]
    value, key = _bytes(record.value, form, "value"), _bytes(record.key, form, "key")
    return Sent(value, key, -1 if own is None else own, headers, record.timestamp or 0)


def _bytes(value: Any, form: Format, what: str) -> bytes | None:
    if value is None:
        return None
    try:
        return form.decode(value)
    except ValueError as wanted:
        why = f"Because the embedded format is '{form.name}', the {what} must be {wanted}"
        raise RefusedError(422, why) from None


def _header(header: Header) -> bytes | None:
    try:
        return None if header.value is None else _from_base64(header.value)
    except ValueError:
        raise RefusedError(422, f"The value of header '{header.key}' must be a base64 string") from None


def fetched(record: Fetched, form: Format) -> bytes:
    """A record as a consumer gets it; the timestamp is in epoch milliseconds.

    Raises:
        ValueError: Its key or value is nothing of this format.
    """
    key, value, headers = record.key(), record.value(), record.headers()
    return b'{"topic":"%b","key":%b,"value":%b,"partition":%d,"offset":%d,"timestamp":%d%b}' % (
        (record.topic() or "").encode(),  # Kafka allows only letters, digits, dots, dashes and underscores
        b"null" if key is None else form.encode(key),
        b"null" if value is None else form.encode(value),
        record.partition() or 0,
        record.offset() or 0,
        record.timestamp()[1],
        _headers(headers) if headers else b"",
    )


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    return b',"headers":' + to_json(
        [{"key": key, "value": None if value is None else base64.b64encode(value).decode()} for key, value in headers]
    )


def gathered(records: Sequence[Fetched], form: Format, most_bytes: int) -> list[bytes]:
    """The first of these records, as many as fit and are of this format; none if the first alone is too large.

    Args:
        records: What Kafka gave, in order.
        form: What the consumer asks for.
        most_bytes: How many bytes of keys and values they may have.

    Raises:
        UndecodableError: The first one is nothing of this format.
    """
    parts: list[bytes] = []
    for each in records:
        most_bytes -= size(each)
        if most_bytes < 0:
            break
        try:
            parts.append(fetched(each, form))
        except ValueError as error:
            if not parts:
                where = f"{each.topic()}-{each.partition()}, offset {each.offset()}"
                raise UndecodableError(f"{where}: {error}") from error
            break
    return parts


def size(record: Fetched) -> int:
    """How many bytes its key and value have, as they are in Kafka."""
    return len(record.key() or b"") + len(record.value() or b"")


def acceptable(accept: str | None, form: Format) -> bool:
    """Whether a client that says `Accept: ...` takes this format; one that says nothing takes all."""
    if accept is None:
        return True
    wanted = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    return bool(wanted & {form.type, "*/*", "application/*"})
