import asyncio
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from sqs_extended_client import SQSExtendedClientSession

from jobs.errors import JobError
from jobs.sqs import large, queue
from jobs.sqs.account import Account
from jobs.sqs.answers import Verdict, verdicts
from jobs.sqs.books import Windows
from jobs.sqs.cost import Planned
from jobs.sqs.line import Line
from jobs.sqs.message import Message, fault, group_of, name_of, size_of
from jobs.sqs.meter import Metrics, story
from jobs.sqs.pace import LONGEST, Pace, backoff
from jobs.sqs.progress import Part, State, Track, ranges, skip, too_late
from jobs.sqs.records import Maker, Record, chunks, fill, todo
from jobs.sqs.signing import Signer
from jobs.sqs.waiting import Fifo, Standard
from tests.queue_stub import Faults, Stub

LIMIT = 100
COUNT = int(os.environ.get("COUNT", "4000"))
THROTTLED = float(os.environ.get("THROTTLED", "1"))
NO_STORE = large.Store("", "q", lambda: None)


def message(offset: int, size: int = 1, group: str = "", partition: int = 0) -> Message:
    return Message(f"t/{partition}/{offset}", b"", size=size, offset=offset, partition=partition, group=group)


def described(name: str = "q", limit: int = LIMIT) -> queue.Queue:
    return queue.described(name, f"http://sqs/{name}", {"MaximumMessageSize": str(limit), "QueueArn": f"arn:{name}"})


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * 10, [10]),
        ([1] * 11, [10, 1]),
        ([60, 40, 1], [2, 1]),
        ([60, 41, 1], [1, 2]),
        ([100, 1], [1, 1]),
        ([101, 1], [1, 1]),
        ([], []),
    ],
)
@pytest.mark.parametrize("kind", [Standard, Fifo])
def test_a_request_holds_ten_messages_and_as_many_bytes_as_the_queue_takes(
    kind: type[Standard] | type[Fifo], sizes: list[int], expected: list[int]
) -> None:
    waiting = kind(LIMIT)
    waiting.add(message(number, size, f"g{number}") for number, size in enumerate(sizes))
    found: list[int] = []
    while batch := waiting.take(0):
        found.append(len(batch))
    assert found == expected


def test_what_goes_again_goes_with_its_like_and_in_its_order() -> None:
    waiting = Standard(LIMIT)
    waiting.add(map(message, range(20)))
    first = waiting.take(0)
    for each in (first[7], first[2]):
        waiting.back(each, 5)
    assert [each.offset for each in waiting.take(1)] == [*range(10, 20)]
    assert waiting.take(4) == []
    assert [each.offset for each in waiting.take(5)] == [2, 7]


def test_a_message_that_must_be_alone_is() -> None:
    waiting = Standard(LIMIT)
    waiting.add(map(message, range(3)))
    for each in waiting.take(0):
        each.alone = True
        waiting.back(each, 0)
    assert [[each.offset for each in waiting.take(0)] for _ in range(3)] == [[0], [1], [2]]


def test_a_failed_message_stops_its_group_and_no_other() -> None:
    waiting = Fifo(LIMIT)
    waiting.add(message(number, group="ab"[number % 2]) for number in range(6))
    a, b = waiting.take(0)
    assert waiting.take(0) == []  # one of each group is under way
    waiting.back(a, 10)
    waiting.settled(b)
    assert [each.offset for each in waiting.take(1)] == [3]
    assert [each.offset for each in waiting.take(10)] == [0]
    assert len(waiting) == 3


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), max_size=60), st.randoms())
def test_no_group_ever_loses_its_order(groups: list[int], chance: random.Random) -> None:
    waiting, sent, now = Fifo(LIMIT), [], 0.0
    waiting.add(message(number, group=str(group)) for number, group in enumerate(groups))
    while len(waiting):
        now += 1
        for each in waiting.take(now):
            if chance.random() < 0.3:
                waiting.back(each, now + chance.random() * 5)
            else:
                sent.append(each)
                waiting.settled(each)
    assert sorted(each.offset for each in sent) == [*range(len(groups))]
    for group in set(groups):
        offsets = [each.offset for each in sent if each.group == str(group)]
        assert offsets == sorted(offsets)


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
    "body", [b"", b"<html>", b"[]", b"{}", b'{"Successful": null}', b'{"Successful": [{"Id": "9"}]}']
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


def test_a_pace_grows_with_answers_halves_once_a_pause_and_probes_while_throttled() -> None:
    pace = Pace(64)
    for _ in range(100):
        pace.answered()
    assert pace.window == 64
    for _ in range(5):
        pace.throttled(100.0)
    assert pace.window == 32
    assert not pace.may(100.05, 0)
    now, asked = 100.2, 0
    while now < 130:
        if pace.may(now, 0):
            asked += 1
            pace.throttled(now)
        now += 0.01
    assert asked < 25
    assert pace.wait(now) <= LONGEST
    pace.answered()
    assert 1 <= pace.window <= 2


def test_a_rate_is_kept() -> None:
    pace, now, sent = Pace(64, rate=1000), 0.0, 0
    while now < 2:
        if pace.may(now, 0):
            pace.left(now, 10)
            sent += 10
        now += 0.0005
    assert 1900 <= sent <= 2110
    assert [backoff(tries, 1) for tries in (1, 2, 20)] == [0.05, 0.1, 5.0]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 200), unique=True, max_size=60), st.randoms(), st.integers(0, 60))
def test_what_was_written_down_is_what_was_settled(offsets: list[int], chance: random.Random, killed: int) -> None:
    track, settled = Track(0, 0, 0, set()), []
    for offset in sorted(offsets):
        track.opened(offset)
    for offset in chance.sample(offsets, len(offsets))[:killed]:
        track.settle(offset)
        settled.append(offset)
    part = Part.model_validate_json(track.part().model_dump_json())
    state = State(queue="", topic="", topic_id="", parts={0: part})
    records = [(0, offset, None, None, (), 0) for offset in sorted(offsets) if offset >= part.next]
    again = [offset for _, offset, *_ in todo(records, state)]
    assert sorted([*again, *settled]) == sorted(offsets)
    second = Track.of(part)
    for offset in again:
        second.opened(offset)
    for offset in again:
        second.settle(offset)
    second.end(201)
    assert second.part() == Part(next=201, done=[], upto=201)


def test_what_is_in_doubt_is_what_was_announced_and_not_settled() -> None:
    state = State(
        queue="", topic="", topic_id="", parts={0: Part(next=5, done=[(7, 9)], upto=12), 1: Part(next=3, upto=3)}
    )
    assert state.doubtful == 5
    assert (too_late(state, 200), too_late(state, 300)) == (False, True)
    assert skip(state).doubtful == 0
    assert ranges([3, 1, 2, 9]) == [(1, 4), (9, 10)]


class Journal:
    def __init__(self) -> None:
        self.writing = False
        self.states: list[State] = []

    def write(self, state: State) -> None:
        self.states.append(State.model_validate_json(state.model_dump_json()))
        self.writing = True

    def poll(self) -> None:
        self.writing = False

    flush = poll


def test_nothing_is_sent_before_it_was_announced_and_only_so_much_is_in_doubt() -> None:
    journal = Journal()
    book = Windows(journal, State(queue="", topic="", topic_id=""), most=20)
    book.open([*map(message, range(10))])
    assert len(book) == 1
    book.tick(1.0)
    assert book.opened() == []
    assert journal.states[-1].doubtful == 10
    book.tick(1.1)
    [sent] = book.opened()
    book.open([*map(message, range(10, 20))])
    assert not book.room()
    for each in sent:
        book.settle(Verdict(each, "accepted", "m"))
    assert not book.room()  # accepted, and not written down
    book.tick(2.0)
    book.tick(2.1)
    book.opened()
    assert book.room()
    assert (journal.states[-1].accepted, journal.states[-1].doubtful) == (10, 10)


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


class Grave:
    def __init__(self) -> None:
        self.dead: list[Verdict] = []

    def bury(self, dead: list[Verdict]) -> None:
        self.dead += dead


@contextmanager
def running(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stub in a thread, and an environment that leads to it."""
    loop, ready = asyncio.new_event_loop(), threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(stub.serve(0))
        ready.set()
        loop.run_forever()
        server.close()
        for each in list(stub.connections):
            each.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{stub.port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def line_to(name: str, *, bucket: str = "", patience: float = 20, in_flight: int = 8) -> tuple[Line, Grave]:
    sqs, grave = queue.client(), Grave()
    found = queue.find(sqs, name, create=False)
    store = large.Store(bucket, name, large.client)
    return Line(sqs, found, store, cast(Any, grave), in_flight, 0, patience, lambda: None), grave


def made(line: Line, count: int, *, groups: int = 20, body: str = "body {}") -> list[Message]:
    messages: list[Message] = []
    for number in range(count):
        each = Message(f"t/0/{number}", body.format(number).encode(), offset=number)
        group = f"g{number % groups}" if line.queue.fifo else ""
        id = f"t-0-{number}" if group else ""
        messages.append(fill(each, body.format(number), "text/plain", line.queue, line.store, group=group, id=id))
    return messages


def send(line: Line, messages: list[Message]) -> Journal:
    journal = Journal()
    book = Windows(journal, State(queue=line.queue.id, topic="t", topic_id="i"), 1000)
    with line.sending(len(messages), 0) as run:
        run(chunks(messages), book)
    return journal


@pytest.mark.parametrize("name", ["q", "q.fifo"])
def test_everything_is_accounted_for_whatever_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In full with COUNT=100000 THROTTLED=30."""
    stub, count = Stub(), COUNT
    with running(stub, monkeypatch):
        stub.faults = Faults(0.1, 0.01, 0.001, resets=0.02, throttled=time.monotonic() + THROTTLED)
        line, grave = line_to(name, patience=60)
        journal = send(line, made(line, count))
        result = line.balanced()
    taken = Counter(body for _, _, body in stub.taken.bodies)
    dead = Counter(each.message.body for each in grave.dead)
    assert (result.sent, result.accepted, result.dead) == (count, len(taken), len(dead))
    assert set(taken).isdisjoint(dead)
    assert len(taken) + len(dead) == count
    assert set(dead) == set(stub.taken.refused)
    assert {each.said for each in grave.dead} == {"InvalidMessageContents: no"}
    twice = sum(taken.values()) - len(taken)
    assert twice <= result.maybe_twice
    assert stub.taken.throttles < 30 + THROTTLED
    print(f"\n{result}: {twice} there twice; {line.account}")  # noqa: T201 - the figures are asked for
    assert journal.states[-1].accepted + journal.states[-1].dead <= count
    if name.endswith(".fifo"):
        assert (twice, result.maybe_twice) == (0, 0)
        for group in {group for _, group, _ in stub.taken.bodies}:
            numbers = [int(body.split()[1]) for _, of, body in stub.taken.bodies if of == group]
            assert numbers == sorted(numbers)


def test_good_siblings_are_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub()
    with running(stub, monkeypatch):
        stub.faults = Faults(0.1, 0.01)
        line, _ = line_to("q")
        send(line, made(line, 2000))
    assert max(Counter(body for _, _, body in stub.taken.bodies).values()) == 1
    assert line.account.retried < 2000 * 0.2


@pytest.mark.parametrize("code", ["AccessDeniedException", "QueueDoesNotExist", "InvalidSignatureException"])
def test_what_may_be_mended_stops_the_export_and_nothing_is_lost(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub()
    with running(stub, monkeypatch):
        stub.faults.everything = code
        line, grave = line_to("q")
        with pytest.raises(JobError, match=code):
            send(line, made(line, 100))
        assert grave.dead == []
        with pytest.raises(JobError, match="neither accepted nor dead"):
            line.balanced()


@pytest.mark.parametrize(
    ("service", "name", "value", "said"),
    [
        (queue.client, "AWS_CONFIG_FILE", "none", "specify a region"),
        (queue.client, "AWS_DEFAULT_REGION", "mars east", "mars east"),
        (queue.client, "AWS_PROFILE", "nope", "nope"),
        (large.client, "AWS_PROFILE", "nope", "nope"),
    ],
)
def test_what_botocore_cannot_use_is_said(
    service: Callable[[], Any], name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with pytest.raises(JobError, match=said) as error:
        service()
    assert "AWS_PROFILE" in error.value.hint


def test_without_credentials_the_hint_is_how_to_give_some(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Stub(), monkeypatch):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        with pytest.raises(JobError, match="Unable to locate credentials") as error:
            queue.find(queue.client(), "q", create=False)
    assert error.value.hint == queue.CREDENTIALS


def test_a_message_that_fails_for_too_long_ends_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub()
    with running(stub, monkeypatch):
        stub.faults.transient = 1.0
        line, _ = line_to("q", patience=0.5)
        with pytest.raises(JobError, match="was not taken for"):
            send(line, made(line, 20))


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub()
    with running(stub, monkeypatch):
        line, _ = line_to("q", patience=0.5)
    with pytest.raises(JobError, match="was not taken for"):
        send(line, made(line, 20))
    assert line.account.doubtful == 0  # what could not connect never arrived


def test_ten_large_messages_are_not_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub(limit=1_048_576)
    with running(stub, monkeypatch):
        line, grave = line_to("q")
        send(line, made(line, 10, body="{}" + "x" * 200_000))
    assert (stub.taken.count, stub.taken.requests, grave.dead) == (10, 2, [])


def test_a_large_body_is_read_back_by_awss_own_client(monkeypatch: pytest.MonkeyPatch) -> None:
    stub, body = Stub(limit=1024), "é" * 600 + "{}"
    with running(stub, monkeypatch):
        line, grave = line_to("q", bucket="big")
        send(line, made(line, 2, body=body))
        [(_, _, pointer), _] = stub.taken.bodies
        assert grave.dead == []
        session: Any = SQSExtendedClientSession(
            aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1"
        )
        client = session.client("sqs")
        client.s3_client = boto3.client("s3")
        received = client.retrieve_message_from_s3(pointer)
    assert received == body.format(0)


def test_prometheus_sees_what_was_counted() -> None:
    account = Account(sent=12, accepted=9, dead=1, requests=2, bytes=90)
    samples = {
        (each.name, each.labels.get("outcome", "")): each.value
        for metric in Metrics("q", account, Pace(4)).collect()
        for each in metric.samples
    }
    assert samples[("headrace_sqs_messages_total", "accepted")] == 9
    assert samples[("headrace_sqs_open_messages", "")] == 2
    assert story(account, 100, 2.0) == "10 of 100 messages, 5/s, 1 dead letters, about 18 s left"
