"""An export against a stand-in for the queue, whatever goes wrong."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import boto3
import pytest
from sqs_extended_client import SQSExtendedClientSession

from jobs.errors import JobError
from jobs.sqs import large, queue
from jobs.sqs.answers import Verdict
from jobs.sqs.books import Windows
from jobs.sqs.line import Line
from jobs.sqs.message import Message
from jobs.sqs.progress import State
from jobs.sqs.records import chunks, fill
from tests.queue_stub import Faults, Stub
from tests.sqs import Journal

COUNT = int(os.environ.get("COUNT", "4000"))
THROTTLED = float(os.environ.get("THROTTLED", "1"))


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
