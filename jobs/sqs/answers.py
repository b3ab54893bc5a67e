"""What SQS's answer to SendMessageBatch says of each message: pure."""

from dataclasses import dataclass
from hashlib import md5
from typing import Any, Literal, cast

from pydantic_core import from_json

from jobs.sqs.message import ENTRIES, Message

Kind = Literal["accepted", "refused", "alone", "again", "throttled", "doubtful", "stop"]

# Faults of one message; its siblings may be fine.
OF_MESSAGE = {
    "InvalidMessageContents",
    "InvalidParameterValue",
    "MessageTooLong",
    "BatchRequestTooLong",
    "InvalidAttributeValue",
    "MissingParameter",
}
# What goes away by itself when less is asked for.
RATES = {
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "SlowDown",
    "KmsThrottled",
    "OverLimit",
    "LimitExceededException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
}
# What somebody may mend (a right, a key, the queue): then nothing is lost by having stopped.
MENDABLE = ("Kms", "AccessDenied", "QueueDoesNotExist", "NonExistentQueue", "InvalidClientTokenId", "Signature")
# Each `Id` that a request may hold, as it was written: 01 is none of them.
PLACES = {str(place): place for place in range(ENTRIES)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one message.

    Args:
        message: The message.
        kind: `accepted`: the queue has it. `refused`: it never will. `alone`: its request was refused, perhaps for a
            sibling's sake. `again`: it has not, for the moment. `throttled`: it asked for less. `doubtful`: nobody
            knows. `stop`: it won't until somebody mends something.
        said: The message's id in the queue, or AWS's code and text.
    """

    message: Message
    kind: Kind
    said: str


def verdicts(batch: list[Message], status: int, body: bytes) -> list[Verdict]:
    """The fate of every message of a request that was answered, in the request's order.

    Args:
        batch: The messages; each one's `Id` was its place.
        status: The HTTP status.
        body: The answer.
    """
    try:
        said: Any = from_json(body)
    except ValueError:
        said = None
    answer = cast(dict[str, Any], said) if isinstance(said, dict) else {}
    if status != 200:
        kind, why = _of_request(status, answer, len(batch))
        return [Verdict(each, kind, why) for each in batch]
    found: list[Verdict | None] = [None] * len(batch)
    twice: set[int] = set()
    for listed, judge in (("Successful", _success), ("Failed", _failure)):
        for each in cast(list[dict[str, Any]], answer.get(listed) or []):
            place = PLACES.get(str(each.get("Id")), len(batch))
            if place >= len(batch):
                continue
            if found[place]:
                twice.add(place)
            found[place] = judge(batch[place], each)
    for place in twice:
        found[place] = Verdict(batch[place], "doubtful", "the answer speaks of it twice")
    unsaid = "the answer speaks of it in neither list"
    return [said or Verdict(each, "doubtful", unsaid) for each, said in zip(batch, found, strict=True)]


def broken(batch: list[Message], why: str, *, sent: bool) -> list[Verdict]:
    """The fate of every message of a request without an answer: unknown, if the request may have arrived."""
    return [Verdict(each, "doubtful" if sent else "again", why) for each in batch]


def _success(message: Message, each: dict[str, Any]) -> Verdict:
    found = each.get("MD5OfMessageBody")
    if found and found != md5(message.body.encode(), usedforsecurity=False).hexdigest():
        return Verdict(message, "stop", "the queue has another body than was sent: its MD5 differs")
    return Verdict(message, "accepted", str(each.get("MessageId", "")))


def _failure(message: Message, each: dict[str, Any]) -> Verdict:
    code = _code(str(each.get("Code")))
    said = f"{code}: {each.get('Message') or ''}".rstrip(": ")
    if code in RATES:
        return Verdict(message, "throttled", said)
    if code.startswith(MENDABLE):
        return Verdict(message, "stop", said)
    return Verdict(message, "refused" if each.get("SenderFault") else "again", said)


def _of_request(status: int, answer: dict[str, Any], count: int) -> tuple[Kind, str]:
    code = _code(str(answer.get("__type") or answer.get("code") or f"HTTP {status}"))
    why = f"{code}: {answer.get('message') or answer.get('Message') or ''}".rstrip(": ")
    if code in RATES or status in (429, 503):
        return "throttled", why
    if status >= 500:
        return "doubtful", why
    if code in OF_MESSAGE:
        return ("alone" if count > 1 else "refused"), why
    return "stop", why


def _code(name: str) -> str:
    """`com.amazonaws.sqs#AWS.SimpleQueueService.BatchRequestTooLong` -> `BatchRequestTooLong`."""
    return name.rpartition("#")[2].rpartition(".")[2]
