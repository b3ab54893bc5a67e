"""What a record becomes as a message, what of it a queue would never take, and what it costs."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jobs.sqs.cost import Planned
from jobs.sqs.message import fault, group_of, name_of, size_of
from jobs.sqs.records import Maker, Record
from jobs.sqs.signing import Signer
from tests.sqs import NO_STORE, described


@pytest.mark.parametrize("good", ["x", "é€😀", "a\tb\nc\rd", "\ud7ff\ue000\ufffd", "\U0010ffff", "\xa0\u2028"])
def test_characters_that_sqs_takes(good: str) -> None:
    assert fault(good) == ""


@pytest.mark.parametrize("bad", ["", "\x00", "a\x0bb", "\ufffe", "\uffff", "\x1f"])
def test_characters_that_sqs_refuses(bad: str) -> None:
    assert fault(f"{bad}") or not bad
    assert bool(fault(bad))


def test_sizes_are_bytes_of_body_and_attributes() -> None:
    assert size_of("é€", {"n": {"DataType": "String", "StringValue": "ü"}}) == 5 + 1 + 6 + 2


def test_groups_and_ids() -> None:
    assert group_of(b"chat-7", "t", 3) == "chat-7"
    assert group_of(b"", "t", 3) == group_of(None, "t", 3) == "t-3"
    for hard in (b"\xff", b"with space", b"x" * 129, "é".encode()):
        assert len(group_of(hard, "t", 3)) == 64
    assert name_of("t", 3, 41) == "t-3-41"
    assert len(name_of("x" * 249, 3, 41)) == 64


def record(value: bytes | None, key: bytes | None = None) -> Record:
    return 1, 2, key, value, (), 0


def test_what_a_queue_would_never_take_says_why() -> None:
    maker = Maker(described(limit=80), "t", "text/plain", NO_STORE)
    overhead = maker.message(record(b"x")).size - 1
    for value, why in (
        (b"x" * (80 - overhead), ""),
        (b"x" * (81 - overhead), "MessageTooLong: 81 bytes, the queue takes 80"),
        (None, "MissingParameter: the record has no value"),
        (b"", "MissingParameter: the body is empty"),
        (b"\xff", "InvalidMessageContents: not UTF-8 at 0"),
        (b"ab\x00", "InvalidMessageContents: character U+0000 at 2"),
    ):
        assert maker.message(record(value)).refused == why


def test_what_aws_would_bill() -> None:
    planned = Planned("q")
    planned.add([10] * 10, 0.4)
    planned.add([65_536, 1], 0.4)
    assert (planned.messages, planned.calls, planned.billed, planned.bytes) == (12, 2, 3, 65_637)


@pytest.mark.parametrize("token", [None, "session/token+=="])
@pytest.mark.parametrize(
    "url", ["https://sqs.eu-west-1.amazonaws.com/", "http://127.0.0.1:9324/", "https://x.test:443/p/"]
)
def test_a_signature_is_botocores(url: str, token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None), raising=True)
    credentials = Credentials("AKID", "secret", token)
    body = '{"é": 1}'.encode()
    request = AWSRequest("POST", url, data=body)
    request.headers["Content-Type"] = "application/x-amz-json-1.0"
    request.headers["X-Amz-Target"] = "AmazonSQS.SendMessageBatch"
    SigV4Auth(credentials, "sqs", "eu-west-1").add_auth(request)
    signer = Signer(url, "eu-west-1", "AmazonSQS.SendMessageBatch", credentials.get_frozen_credentials)
    ours = dict(line.split(": ", 1) for line in signer.headers(body, now))
    assert ours == {name: request.headers[name] for name in ours}
