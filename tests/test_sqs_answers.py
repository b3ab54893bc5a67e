"""What a queue answers is believed message by message."""

import json
from typing import Any

import pytest

from jobs.sqs.answers import verdicts
from tests.sqs import message


def said(*lists: list[dict[str, Any]], status: int = 200, **more: Any) -> tuple[int, bytes]:

    return status, json.dumps(
        {"Successful": lists[0] if lists else [], "Failed": lists[1] if lists[1:] else []} | more
    ).encode()


def kinds(count: int, status: int, body: bytes) -> list[tuple[str, str]]:
    return [(each.kind, each.said) for each in verdicts([*map(message, range(count))], status, body)]


def test_every_message_gets_its_own_verdict_though_the_request_succeeded() -> None:
    failed = [
        {"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "no"},
        {"Id": "2", "SenderFault": False, "Code": "InternalError"},
        {"Id": "3", "SenderFault": True, "Code": "RequestThrottled"},
        {"Id": "4", "SenderFault": True, "Code": "KmsDisabled", "Message": "m"},
    ]
    assert kinds(6, *said([{"Id": "0", "MessageId": "m0"}], failed)) == [
        ("accepted", "m0"),
        ("refused", "InvalidMessageContents: no"),
        ("again", "InternalError"),
        ("throttled", "RequestThrottled"),
        ("stop", "KmsDisabled: m"),
        ("doubtful", "the answer speaks of it in neither list"),
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"Successful": null}', b'{"Successful": [{"Id": "9"}, {"Id": "01"}]}'],
)
def test_an_answer_that_says_nothing_accepts_nothing(body: bytes) -> None:
    assert [kind for kind, _ in kinds(2, 200, body)] == ["doubtful", "doubtful"]


def test_an_answer_that_says_both_is_believed_in_neither() -> None:
    both = said([{"Id": "0", "MessageId": "m"}], [{"Id": "0", "SenderFault": True, "Code": "X"}])
    assert kinds(1, *both) == [("doubtful", "the answer speaks of it twice")]


def test_another_body_than_was_sent_stops_the_export() -> None:
    [(kind, _)] = kinds(1, *said([{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "0" * 32}]))
    assert kind == "stop"


@pytest.mark.parametrize(
    ("status", "code", "count", "expected"),
    [
        (400, "com.amazonaws.sqs#BatchRequestTooLong", 2, "alone"),
        (400, "AWS.SimpleQueueService.BatchRequestTooLong", 1, "refused"),
        (400, "com.amazonaws.sqs#RequestThrottled", 2, "throttled"),
        (400, "com.amazon.coral.service#AccessDeniedException", 2, "stop"),
        (400, "com.amazonaws.sqs#QueueDoesNotExist", 2, "stop"),
        (403, "InvalidSignatureException", 1, "stop"),
        (503, "", 2, "throttled"),
        (500, "", 2, "doubtful"),
    ],
)
def test_a_request_refused_as_a_whole(status: int, code: str, count: int, expected: str) -> None:
    found = kinds(count, *said(status=status, **({"__type": code} if code else {})))
    assert [kind for kind, _ in found] == [expected] * count
