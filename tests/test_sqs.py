from collections.abc import Sequence
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from jobs import sqs
from jobs.sqs import Message, Verdict


def messages(*sizes: int) -> list[Message]:
    return [Message(str(number), "x" * size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * 10, [10]),
        ([1] * 11, [10, 1]),
        ([60, 40, 1], [2, 1]),
        ([101, 1], [1, 1]),
        ([100, 1], [1, 1]),
        ([], []),
    ],
)
def test_a_batch_holds_ten_entries_and_as_many_bytes_as_the_queue_takes(sizes: list[int], expected: list[int]) -> None:
    assert [len(batch) for batch in sqs.batches(messages(*sizes), 100)] == expected


def test_a_size_is_counted_in_bytes() -> None:
    assert Message("1", "é€").size == 5


class Queue:
    """Answers as it is told, one answer a request."""

    def __init__(self, *answers: dict[str, Any] | ClientError) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803, ARG002
        self.asked.append(len(Entries))
        answer = self.answers.pop(0)
        if isinstance(answer, ClientError):
            raise answer
        return answer


def send(queue: Queue, count: int) -> list[Verdict]:
    return sqs.send(cast(Any, queue), "http://queue", messages(*[1] * count))


def test_every_entry_gets_its_own_verdict_though_the_request_succeeded() -> None:
    queue = Queue(
        {
            "Successful": [{"Id": "0", "MessageId": "m0"}],
            "Failed": [
                {"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "no"},
                {"Id": "2", "SenderFault": False, "Code": "InternalError"},
            ],
        }
    )

    first, second, third, fourth = send(queue, 4)

    assert first.message_id == "m0"
    assert second.refused == "InvalidMessageContents: no"
    assert third.transient == "InternalError"
    assert fourth.transient  # in neither list


def refusal(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "SendMessageBatch",
    )


def test_a_request_refused_as_a_whole_takes_no_good_message_with_it() -> None:
    good = {"Successful": [{"Id": "0", "MessageId": "m"}]}
    queue = Queue(refusal("InvalidMessageContents", 400), good, refusal("InvalidMessageContents", 400))

    first, second = send(queue, 2)

    assert queue.asked == [2, 1, 1]
    assert (first.message_id, second.refused) == ("m", "InvalidMessageContents: m")


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 400), ("AccessDenied", 403), ("KmsDisabled", 400), ("QueueDoesNotExist", 400), ("X", 503)],
)
def test_what_may_be_mended_is_not_a_refusal(code: str, status: int) -> None:
    queue = Queue(refusal(code, status))

    verdicts = send(queue, 3)

    assert queue.asked == [3]
    assert all(verdict.transient and not verdict.refused for verdict in verdicts)


def test_an_entry_that_failed_for_the_queues_sake_is_not_a_refusal() -> None:
    failed = {"Id": "0", "SenderFault": True, "Code": "KmsDisabled", "Message": "m"}

    (verdict,) = send(Queue({"Failed": [failed]}), 1)

    assert (verdict.transient, verdict.refused) == ("KmsDisabled: m", "")
