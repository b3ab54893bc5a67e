"""The bridge's own rules: bodies, formats, patterns, refusals and its document. Pure."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from jobs.bridge import bodies, formats, openapi
from jobs.bridge.operations import OPERATIONS
from jobs.bridge.refusals import RefusedError, refused
from jobs.bridge.topics import matching


@dataclass(frozen=True)
class Record:
    """A record as Kafka's client gives it."""

    said: Any
    about: Any = None
    more: list[tuple[str, bytes | None]] = field(default_factory=list[tuple[str, bytes | None]])

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 1

    def offset(self) -> int:
        return 2

    def timestamp(self) -> tuple[int, int]:
        return 1, 3

    def key(self) -> Any:
        return self.about

    def value(self) -> Any:
        return self.said

    def headers(self) -> Any:
        return self.more


def there_and_back(value: Any, name: str) -> Any:
    """What a consumer gets of what a producer said."""
    form = formats.FORMATS[name]
    text = json.dumps({"records": [{"value": value, "key": value}]}).encode()
    [sent] = formats.sent(bodies.read(bodies.TopicRecords, text).records, form)
    said = json.loads(formats.fetched(Record(sent.value, sent.key), form))
    assert said["key"] == said["value"]
    return said["value"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_any_json_comes_back_as_it_was(value: Any) -> None:
    assert there_and_back(value, "json") == value


@given(st.text(), st.binary())
def test_text_and_bytes_come_back_as_they_were(text: str, data: bytes) -> None:
    assert there_and_back(text, "text") == text
    encoded = base64.b64encode(data).decode()
    assert there_and_back(encoded, "binary") == encoded


def test_a_number_keeps_the_digits_that_its_producer_wrote() -> None:
    raw = b'{"amount": 142.500000000000000001, "id": 123456789012345678901234567890}'
    assert raw in formats.fetched(Record(raw), formats.FORMATS["json"])


@pytest.mark.parametrize("value", [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff", b'"a" "b"', b"[" * 100_000])
def test_what_is_no_json_is_never_put_into_an_answer(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the parser says
        formats.fetched(Record(value), formats.FORMATS["json"])


def test_nulls_are_nulls_and_headers_are_base64() -> None:
    said = json.loads(formats.fetched(Record(None, None, [("a", b"\x00"), ("a", None)]), formats.FORMATS["text"]))
    assert (said["key"], said["value"], said["timestamp"]) == (None, None, 3)
    assert said["headers"] == [{"key": "a", "value": "AA=="}, {"key": "a", "value": None}]
    assert "headers" not in json.loads(formats.fetched(Record(b"x"), formats.FORMATS["text"]))


@pytest.mark.parametrize(
    "accept, fits",
    [
        (None, True),
        ("*/*", True),
        ("application/vnd.kafka.json.v2+json", True),
        ("text/html, application/vnd.kafka.json.v2+json;q=0.9", True),
        ("application/vnd.kafka.binary.v2+json", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_accept_must_name_the_format(accept: str | None, fits: bool) -> None:
    assert formats.acceptable(accept, formats.FORMATS["json"]) is fits


@pytest.mark.parametrize(
    "text, where",
    [
        (b"{", "body"),
        (b"\xff", "body"),
        (b"[1]", "body"),
        (b'{"records": [{"value": 1}, {"key": 1}]}', "records.1.value"),
        (b'{"records": [{"value": 1, "partition": -1}]}', "records.0.partition"),
        (b'{"records": [{"value": 1, "timestamp": "now"}]}', "records.0.timestamp"),
        (b'{"records": [{"value": 1, "headers": [{"value": "x"}]}]}', "records.0.headers.0.key"),
    ],
)
def test_a_wrong_body_is_told_where(text: bytes, where: str) -> None:
    with pytest.raises(RefusedError) as told:
        bodies.read(bodies.TopicRecords, text)
    assert told.value.code == 400
    assert told.value.problems[0].startswith(f"{where}: ")
    assert told.value.body()["validation_errors"]


def test_a_pattern_matches_whole_names_and_never_kafkas_own() -> None:
    topics = ["a-1", "a-12", "ba-1", "__consumer_offsets", "b"]
    assert matching(r"a-\d+", topics) == ["a-1", "a-12"]
    assert matching("a|b", topics) == ["b"]
    assert matching(".*", topics) == ["a-1", "a-12", "b", "ba-1"]
    with pytest.raises(RefusedError) as told:
        matching("(", topics)
    assert told.value.code == 422


def test_no_pattern_takes_for_ever() -> None:
    began = time.monotonic()
    assert matching("(a+)+" * 5, ["a" * 200 + "!"]) == []
    assert time.monotonic() - began < 5


def test_kafkas_errors_have_the_status_that_a_client_can_act_on() -> None:
    codes = {
        KafkaError.UNKNOWN_TOPIC_OR_PART: 404,
        KafkaError._UNKNOWN_PARTITION: 404,
        KafkaError.TOPIC_AUTHORIZATION_FAILED: 403,
        KafkaError.MSG_SIZE_TOO_LARGE: 413,
        KafkaError._MSG_TIMED_OUT: 503,
        KafkaError.TOPIC_ALREADY_EXISTS: 409,
        KafkaError.UNKNOWN: 500,
    }
    assert {code: refused(KafkaError(code)).code for code in codes} == codes


def test_the_document_has_every_operation_and_nothing_hangs() -> None:
    said = json.loads(openapi.document("1"))
    found = {each["operationId"] for path in said["paths"].values() for each in path.values()}
    assert found == {each.name for each in OPERATIONS}
    named = {f"#/components/schemas/{name}" for name in said["components"]["schemas"]}
    text = json.dumps(said)
    assert {each.partition('"')[0] for each in text.split('"$ref": "')[1:]} <= named
    assert said["paths"]["/healthy"]["get"]["security"] == []
    assert set(said["paths"]["/topics/{topicname}"]["post"]["requestBody"]["content"]) == set(formats.BY_TYPE)
