"""What is ours alone of the bridge: keys, limits, time-outs, its end, and what it counts."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from jobs import keys
from tests.services import bridges, topics
from tests.services.bridges import BINARY, JSON, Client, Reader, Serving
from tests.services.copies import Copy, eventually

LIMITS = ("--idle=2", "--max-consumers=3", "--max-body=20000", "--max-records=5")


@pytest.fixture(scope="module")
def prefix(stack: Copy) -> Iterator[str]:
    with topics.named(stack) as name:
        yield name


@pytest.fixture(scope="module")
def made() -> dict[str, keys.Made]:
    return {name: keys.make(name) for name in ("ann", "bob")}


@pytest.fixture(scope="module")
def bridge(stack: Copy, tmp_path_factory: pytest.TempPathFactory, made: dict[str, keys.Made]) -> Iterator[Serving]:
    """A bridge with keys and small limits."""
    lines = ",".join(each.line for each in made.values())
    with bridges.serving(stack, tmp_path_factory.mktemp("bridge"), LIMITS, KEYS_SHA256=lines) as serving:
        yield serving


@pytest.fixture(scope="module")
def ann(bridge: Serving, made: dict[str, keys.Made]) -> Iterator[Client]:
    with bridges.client(bridge.url, made["ann"].key) as client:
        yield client


@pytest.fixture
def topic(ann: Client, prefix: str) -> str:
    return ann.topic(f"{prefix}-{time.time_ns()}")


def sample(client: Client, name: str) -> float:
    """What a metric counts now; 0 when it is not there yet."""
    lines = client.http.get("/metrics").text.splitlines()
    return next((float(each.rpartition(" ")[2]) for each in lines if each.startswith(name + " ")), 0.0)


def test_who_has_no_key_may_only_ask_how_it_is(bridge: Serving, ann: Client, topic: str) -> None:
    for path in ("/healthy", "/ready"):
        assert httpx.get(bridge.url + path).status_code == 204
    for key in ("", "hr_wrong"):
        with bridges.client(bridge.url, key) as nobody:
            for path in ("/", "/topics", "/metrics", "/openapi/v3", "/consumers/g/instances/i/records"):
                said = nobody.http.get(path)
                assert (said.status_code, said.json()["error_code"]) == (401, 401)
                assert said.headers["www-authenticate"] == "Bearer"
            assert nobody.post(f"/topics/{topic}", {"records": [{"value": "x"}]}, JSON).status_code == 401
    assert ann.http.get(f"/topics/{topic}/partitions/0/offsets").json()["end_offset"] == 0
    other = httpx.get(bridge.url, headers={"x-api-key": ann.http.headers["authorization"].removeprefix("Bearer ")})
    assert other.status_code == 200


def test_a_consumer_is_its_makers_alone(bridge: Serving, ann: Client, made: dict[str, keys.Made], topic: str) -> None:
    ann.send(topic, "a")
    mine = ann.consumer("shared", name="one").assign(topic)
    with bridges.client(bridge.url, made["bob"].key) as bob:
        theirs = Reader(bob, "shared", mine.path, JSON)
        assert (theirs.poll().status_code, theirs.delete().status_code) == (404, 404)
        assert bob.consumer("shared", name="one").delete().status_code == 204
    assert mine.read(1)
    assert mine.delete().status_code == 204


def test_without_a_key_it_is_for_this_machine_alone(stack: Copy) -> None:
    refused = stack.headrace("bridge", "serve", "--host=0.0.0.0", "--port=0", KEYS_SHA256="")
    assert refused.returncode == 2, refused.stderr
    assert "--exposed" in refused.stderr
    assert stack.headrace("bridge", "serve", "--idle=0").returncode == 2
    away = stack.headrace("bridge", "serve", "--port=0", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9")
    assert away.returncode == 1, away.stderr
    assert "Kafka at 127.0.0.1:9 cannot be used" in away.stderr


def test_what_is_too_large_is_refused(ann: Client, topic: str) -> None:
    said = ann.post(f"/topics/{topic}", {"records": [{"value": "x" * 30_000}]}, JSON)
    assert (said.status_code, said.json()["error_code"]) == (413, 413)
    parts = (b" " * 1000 for _ in range(30))  # nobody says beforehand how many
    said = ann.http.post(f"/topics/{topic}", content=parts, headers={"content-type": JSON})
    assert said.status_code == 413
    assert len(ann.send(topic, "fits")) == 1


def test_there_are_only_so_many_consumers(ann: Client, topic: str) -> None:
    three = [ann.consumer() for _ in range(3)]
    said = ann.post("/consumers/g", {})
    assert (said.status_code, said.headers["retry-after"]) == (429, "5")
    assert sample(ann, "headrace_bridge_consumers") == 3
    assert three[0].delete().status_code == 204
    assert ann.consumer().delete().status_code == 204
    idle = sample(ann, 'headrace_bridge_consumers_closed_total{why="idle"}')
    kept = three[1].assign(topic)  # who waits is not idle, however long
    assert kept.poll(3500).json() == []
    eventually(lambda: three[2].poll().status_code == 404)
    assert sample(ann, 'headrace_bridge_consumers_closed_total{why="idle"}') == idle + 1
    kept.delete()


def test_who_waits_gets_the_records_when_they_come(ann: Client, topic: str) -> None:
    reader = ann.consumer().assign(topic)
    reader.poll(0)
    with ThreadPoolExecutor(1) as aside:
        began = time.monotonic()
        waiting = aside.submit(reader.poll, 20_000)
        ann.send(topic, *"abcdefg")
        assert [each["value"] for each in waiting.result().json()]
        assert time.monotonic() - began < 10
        waiting = aside.submit(reader.poll, 20_000)
        assert [each["offset"] for each in waiting.result().json()][-1] == 6
        waiting = aside.submit(reader.poll, 20_000)
        assert reader.delete().status_code == 204
        assert waiting.result().status_code in (200, 404), "deleting does not wait for whoever waits for records"
    assert time.monotonic() - began < 15


def test_an_answer_holds_so_many_records_and_the_rest_comes_next(ann: Client, topic: str) -> None:
    ann.send(topic, *(f"{number:0100}" for number in range(12)))
    reader = ann.consumer().assign(topic)
    eventually(lambda: len(reader.poll().json()) == 5)
    assert [each["offset"] for each in reader.poll().json()] == [5, 6, 7, 8, 9]
    reader.post("positions/beginning", {"partitions": [{"topic": topic, "partition": 0}]})
    # What does not fit is put back; a record that alone does not fit is not lost either.
    found = [each["offset"] for each in eventually(lambda: reader.poll(max_bytes=350).json())]
    assert found == [0, 1, 2]
    assert reader.poll(max_bytes=50).status_code == 422
    assert [each["offset"] for each in reader.read(9)] == list(range(3, 12))
    reader.delete()


def test_a_record_of_another_format_is_passed_over_alone(ann: Client, topic: str) -> None:
    ann.send(topic, "a")
    ann.send(topic, "/+8=", kind=BINARY)
    ann.send(topic, "b")
    reader = ann.consumer().assign(topic)
    assert [each["value"] for each in reader.read(1)] == ["a"]
    said = reader.poll()
    assert said.status_code == 406
    assert f"{topic}-0, offset 1" in said.json()["message"]
    assert [each["value"] for each in reader.read(1)] == ["b"]
    reader.delete()


def test_what_a_client_did_not_come_back_from_is_not_committed(stack: Copy, ann: Client, topic: str) -> None:
    def committed(group: str) -> int:
        asking = Consumer({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"], "group.id": group})
        try:
            return asking.committed([TopicPartition(topic, 0)], timeout=20)[0].offset
        finally:
            asking.close()

    ann.send(topic, *"abcdefg")
    settings: dict[str, Any] = {"enable.auto.commit": True}
    lost = ann.consumer(f"lost-{topic}", **settings)
    lost.post("subscription", {"topics": [topic]})
    first = len(eventually(lambda: lost.poll().json()))
    lost.poll()  # asks for more, so it has what it was given
    eventually(lambda: lost.client.http.get(f"{lost.path}/subscription").status_code == 200)
    gone = sample(ann, 'headrace_bridge_consumers_closed_total{why="idle"}')
    eventually(lambda: sample(ann, 'headrace_bridge_consumers_closed_total{why="idle"}') > gone)
    assert committed(lost.group) == first == 5, "what it was given last is given to the next"
    done = ann.consumer(f"done-{topic}", **settings)
    done.post("subscription", {"topics": [topic]})
    assert len(done.read(7)) == 7
    assert done.delete().status_code == 204
    assert committed(done.group) == 7


def test_an_answer_that_nobody_got_comes_again(bridge: Serving, ann: Client, topic: str) -> None:
    reader = ann.consumer().assign(topic)
    reader.poll(0)
    url = httpx.URL(bridge.url)
    with socket.create_connection((url.host, url.port or 0)) as gone:
        key = ann.http.headers["authorization"]
        asked = f"GET {reader.path}/records?timeout=20000 HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: {key}\r\n\r\n"
        gone.sendall(asked.encode())
    fetched = sample(ann, "headrace_bridge_records_fetched_total")
    with ThreadPoolExecutor(1) as aside:  # who asks next waits already: it is given them, not what comes after them
        waiting = aside.submit(reader.poll, 20_000)
        ann.send(topic, "a")
        assert [each["offset"] for each in waiting.result().json()] == [0]
    assert sample(ann, "headrace_bridge_records_fetched_total") == fetched + 1
    reader.delete()


def test_a_group_shares_its_partitions(ann: Client, prefix: str) -> None:
    topic = ann.topic(f"{prefix}-shared", 2)
    both = [ann.consumer(f"shares-{topic}") for _ in range(2)]
    for each in both:
        each.post("subscription", {"topics": [topic]})

    def own(reader: Reader) -> list[int]:
        assert reader.poll(50).status_code == 200
        [mine] = ann.http.get(f"{reader.path}/subscription").json()["partitions"] or [{topic: []}]
        return mine[topic]

    eventually(lambda: sorted(map(own, both)) == [[0], [1]])
    records = {"records": [{"value": number, "partition": number} for number in range(2)]}
    assert ann.post(f"/topics/{topic}", records, JSON).status_code == 200
    assert sorted(each.read(1)[0]["value"] for each in both) == [0, 1]
    both[0].post("offsets", {})
    assert both[0].delete().status_code == 204
    eventually(lambda: own(both[1]) == [0, 1])
    both[1].delete()


def test_no_request_breaks_it(ann: Client, topic: str) -> None:
    kinds = [JSON, BINARY, "application/vnd.kafka.v2+json"]
    bodies = [b"", b"{", b"null", b"[]", b"\xff", b'{"records": null}', b'{"records": [null]}', b"[" * 9000, b"1e999"]
    instance = ann.consumer().path
    paths = [
        f"/topics/{topic}",
        f"/topics/{topic}/partitions/0",
        "/admin/topics",
        "/consumers/g%2Fh",
        "/consumers/%00",
        f"{instance}/offsets",
    ]
    paths += [f"{instance}/{each}" for each in ("subscription", "assignments", "positions", "positions/end")]
    for path in paths:
        for kind in kinds:
            for body in bodies:
                said = ann.http.post(path, content=body, headers={"content-type": kind})
                assert said.status_code < 500, (path, kind, body, said.text)
    strange = ["/topics/%00", "/topics/a%20b", f"/topics/{'x' * 300}", f"/topics/{topic}/partitions/99999999999"]
    strange += [
        f"/topics/{topic}/partitions/-1/offsets",
        f"/topics/{topic}/partitions/²",
        f"{instance}/records?timeout=-1",
    ]
    strange += [f"{instance}/records?max_bytes=x", "/consumers", "/topics/", "/topics/%ff"]
    for path in strange:
        assert 400 <= ann.http.get(path).status_code < 500, path
    for name in ("a%20b", "%00", "x" * 300, "..", "a%0Ab"):
        said = ann.post(f"/topics/{name}", {"records": [{"value": 1}]}, JSON)
        found = said.json().get("offsets", [said.json()])[0] if said.content else {}
        assert 400 <= found["error_code"] < 500, (name, said.text)
    ann.http.delete(instance)


def test_what_it_does_is_counted(ann: Client, topic: str) -> None:
    names = {
        "headrace_bridge_records_fetched_total": 2,
        'headrace_bridge_records_produced_total{outcome="written"}': 2,
        'headrace_bridge_records_produced_total{outcome="refused"}': 1,
        'headrace_bridge_requests_total{operation="getTopic",status="404"}': 1,
        'headrace_bridge_request_seconds_count{operation="send"}': 2,
    }
    before = {name: sample(ann, name) for name in names}
    ann.send(topic, "a", "b")
    ann.post(f"/topics/{topic}", {"records": [{"value": "c", "partition": 9}]}, JSON)
    ann.http.get("/topics/no-such")
    reader = ann.consumer().assign(topic)
    assert len(reader.read(2)) == 2
    reader.delete()
    assert {name: sample(ann, name) - before[name] for name in names} == names


def ends(stack: Copy, topic: str) -> int:
    asking = Consumer({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "none"})
    try:
        return asking.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]
    finally:
        asking.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_there_whatever_ends_it(
    stack: Copy, prefix: str, tmp_path: Path, number: signal.Signals
) -> None:
    with bridges.serving(stack, tmp_path) as serving, bridges.client(serving.url) as client:
        topic = client.topic(f"{prefix}-end-{number.name}")
        waiting = client.consumer().assign(topic)
        waiting.poll(0)

        def send(_: int) -> tuple[int, int]:
            """How many records one client had acknowledged, and how many of its requests had no answer at all."""
            acknowledged = 0
            with bridges.client(serving.url) as own:
                for _ in range(100_000):
                    try:
                        said = own.post(f"/topics/{topic}", {"records": [{"value": "x"}] * 10}, JSON)
                    except httpx.ConnectError:
                        return acknowledged, 0  # it does not listen any more: nothing was accepted
                    except httpx.TransportError:
                        return acknowledged, 1
                    if said.status_code != 200:
                        return acknowledged, 0
                    acknowledged += sum("offset" in each for each in said.json()["offsets"])
            raise AssertionError("nobody ended it")

        with ThreadPoolExecutor(5) as many:
            senders = [many.submit(send, each) for each in range(4)]
            long = many.submit(waiting.client.http.get, f"{waiting.path}/records", params={"timeout": 30_000})
            eventually(lambda: ends(stack, topic) > 200)
            posted = client.post(f"/topics/{topic}?async=true", {"records": [{"value": "last"}] * 50}, JSON)
            assert posted.status_code == 204
            status = serving.end(number)
            sent = [each.result() for each in senders]
            if number == signal.SIGTERM:
                assert status == 0, serving.log.read_text()
                assert long.result().status_code == 200
    acknowledged = sum(each for each, _ in sent) + (50 if number == signal.SIGTERM else 0)
    assert acknowledged > 0
    if number == signal.SIGTERM:
        # A request that meets a connection as it closes was never read, and is in nobody's count.
        assert ends(stack, topic) == acknowledged
    else:
        assert acknowledged <= ends(stack, topic) <= acknowledged + 50 + 10 * sum(each for _, each in sent)
