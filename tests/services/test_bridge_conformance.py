"""What Strimzi's documentation says of the Kafka Bridge's HTTP API, asked of `bridge serve` on the stack.

With BRIDGE_URL it is asked of the bridge at that address instead, such as Strimzi's own (BRIDGE_KEY, if it has keys).
Where its document leaves the status open, or its releases differ, each is accepted.
"""

import base64
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.services import bridges, topics
from tests.services.bridges import BINARY, JSON, PLAIN, TEXT, Client
from tests.services.copies import eventually

INSTANCE = "/consumers/nobody/instances/nobody"
PLACES = {"partitions": [{"topic": "t", "partition": 0}]}
OFFSETS = {"offsets": [{"topic": "t", "partition": 0, "offset": 0}]}


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    if url := os.environ.get("BRIDGE_URL"):
        with bridges.client(url, os.environ.get("BRIDGE_KEY", "")) as asking:
            yield asking
        return
    stack = request.getfixturevalue("stack")
    folder = tmp_path_factory.mktemp("bridge")
    with bridges.serving(stack, folder) as bridge, bridges.client(bridge.url) as asking:
        yield asking


@pytest.fixture(scope="module")
def prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    if os.environ.get("BRIDGE_URL"):
        yield f"test-{uuid4().hex[:8]}"  # who owns that bridge deletes them
        return
    with topics.named(request.getfixturevalue("stack")) as name:
        yield name


@pytest.fixture(scope="module")
def three(client: Client, prefix: str) -> str:
    """A topic of three partitions that tests only write to."""
    return client.topic(f"{prefix}-three", 3)


@pytest.fixture
def topic(client: Client, prefix: str) -> str:
    """A topic of one test alone."""
    return client.topic(f"{prefix}-{uuid4().hex[:8]}")


def refused(said: httpx.Response, *codes: int) -> dict[str, Any]:
    assert said.status_code in codes, said.text
    body = said.json()
    assert body["error_code"] == said.status_code
    assert body["message"]
    return body


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_it_says_what_it_is_and_how(client: Client) -> None:
    assert client.http.get("/").json()["bridge_version"]
    for path in ("/healthy", "/ready"):
        assert client.http.get(path).status_code in (200, 204)
    document = client.http.get("/openapi/v3").json()
    operations = {
        each["operationId"] for path in document["paths"].values() for each in path.values() if "operationId" in each
    }
    assert {"send", "sendToPartition", "createConsumer", "poll", "commit", "seekToEnd", "listTopics"} <= operations
    assert "# TYPE" in client.http.get("/metrics").text
    assert client.http.get("/nothing/there").status_code == 404


def test_topics_are_listed_and_described(client: Client, three: str) -> None:
    assert three in client.http.get("/topics").json()
    found = client.http.get(f"/topics/{three}").json()
    assert (found["name"], found["configs"]["cleanup.policy"]) == (three, "delete")
    assert [each["partition"] for each in found["partitions"]] == [0, 1, 2]
    listed = client.http.get(f"/topics/{three}/partitions").json()
    one = client.http.get(f"/topics/{three}/partitions/1").json()
    assert listed[1] == one == found["partitions"][1]
    [replica] = one["replicas"]
    assert replica == {"broker": one["leader"], "leader": True, "in_sync": True}
    for missing in ("topics/no-such", "topics/no-such/partitions", f"topics/{three}/partitions/7"):
        refused(client.http.get(f"/{missing}"), 404)
    refused(client.http.get("/topics/no-such/partitions/0/offsets"), 404)


def test_offsets_are_where_a_partition_begins_and_ends(client: Client, topic: str) -> None:
    client.send(topic, "a", "b", "c")
    assert client.http.get(f"/topics/{topic}/partitions/0/offsets").json() == {"beginning_offset": 0, "end_offset": 3}


def test_a_topic_is_created_as_the_cluster_would(client: Client, prefix: str) -> None:
    name = f"{prefix}-default"
    assert client.post("/admin/topics", {"topic_name": name}).status_code == 201
    eventually(lambda: name in client.http.get("/topics").json())
    refused(client.post("/admin/topics", {}), 400)


def test_records_are_written_in_their_order(client: Client, topic: str) -> None:
    records = [
        {"value": {"n": number}, "key": "k", "headers": [{"key": "h", "value": b64("v")}]} for number in range(20)
    ]
    said = client.post(f"/topics/{topic}", {"records": records}, JSON)
    assert said.headers["content-type"].startswith(PLAIN)
    assert said.json() == {"offsets": [{"partition": 0, "offset": number} for number in range(20)]}
    found = client.consumer().assign(topic).read(20)
    assert [each["value"] for each in found] == [{"n": number} for number in range(20)]
    assert {(each["topic"], each["key"], each["partition"]) for each in found} == {(topic, "k", 0)}
    assert [each["offset"] for each in found] == list(range(20))
    assert found[0]["headers"] == [{"key": "h", "value": b64("v")}]


@pytest.mark.parametrize(
    "kind, form, record",
    [
        (JSON, "json", {"key": {"id": 1}, "value": {"list": [1, 2.5, "x", None], "deep": {"a": True}}}),
        (JSON, "json", {"key": "k", "value": ["a", "b"]}),
        (
            BINARY,
            "binary",
            {"key": b64("\0"), "value": base64.b64encode(b"\xfe").decode()},
        ),
        (TEXT, "text", {"key": "Schlüssel", "value": 'a line\nof "text"'}),
        (JSON, "json", {"key": "k", "value": None}),
    ],
)
def test_what_is_written_is_what_is_read(
    client: Client, topic: str, kind: str, form: str, record: dict[str, Any]
) -> None:
    assert client.post(f"/topics/{topic}", {"records": [record]}, kind).json() == {
        "offsets": [{"partition": 0, "offset": 0}]
    }
    reader = client.consumer(format=form).assign(topic)
    [found] = reader.read(1)
    assert (found["key"], found["value"]) == (record["key"], record["value"])
    assert reader.poll().headers["content-type"].startswith(kind)


def test_a_record_may_name_its_partition_and_its_time(client: Client, prefix: str) -> None:
    topic = client.topic(f"{prefix}-places", 3)
    said = client.post(
        f"/topics/{topic}", {"records": [{"value": "a", "partition": 2, "timestamp": 1_700_000_000_000}]}, JSON
    )
    assert said.json() == {"offsets": [{"partition": 2, "offset": 0}]}
    said = client.post(f"/topics/{topic}/partitions/1", {"records": [{"value": "b"}, {"value": "c"}]}, JSON)
    assert said.json() == {"offsets": [{"partition": 1, "offset": 0}, {"partition": 1, "offset": 1}]}
    found = client.consumer().assign(topic, 1, 2).read(3)
    assert {each["value"]: each["partition"] for each in found} == {"a": 2, "b": 1, "c": 1}
    assert next(each for each in found if each["value"] == "a")["timestamp"] == 1_700_000_000_000


def test_nobody_waits_for_async(client: Client, topic: str) -> None:
    said = client.post(f"/topics/{topic}?async=true", {"records": [{"value": "a"}, {"value": "b"}]}, JSON)
    assert (said.status_code, said.content) == (204, b"")
    assert [each["value"] for each in client.consumer().assign(topic).read(2)] == ["a", "b"]


def test_a_missing_topic_is_told_of_each_record(client: Client, prefix: str, three: str) -> None:
    said = client.post(f"/topics/{prefix}-none", {"records": [{"value": "a"}, {"value": "b"}]}, JSON)
    assert said.status_code == 200
    assert [each["error_code"] for each in said.json()["offsets"]] == [404, 404]
    mixed = {"records": [{"value": "a", "partition": 500}, {"value": "b", "partition": 1}]}
    said = client.post(f"/topics/{three}", mixed, JSON)
    assert said.status_code == 200
    wrong, right = said.json()["offsets"]
    assert (wrong["error_code"], bool(wrong["message"]), right["partition"]) == (404, True, 1)
    [only] = client.post(f"/topics/{three}/partitions/99", {"records": [{"value": "a"}]}, JSON).json()["offsets"]
    assert only["error_code"] == 404


@pytest.mark.parametrize(
    "asked, body, codes",
    [
        (("", JSON), {}, (422,)),
        (("", JSON), {"records": [{"key": "k"}]}, (400,)),
        (("", JSON), {"records": [{"value": "v", "foo": 1}]}, (400,)),
        (("", JSON), {"records": [{"value": "v", "partition": "one"}]}, (400,)),
        (("", JSON), {"records": {"value": "v"}}, (400,)),
        (("", JSON), "no object", (400,)),
        (("", TEXT), {"records": [{"value": {"no": "text"}}]}, (422,)),
        (("", TEXT), {"records": [{"value": "v", "key": {"no": "text"}}]}, (422,)),
        (("?async=perhaps", JSON), {"records": [{"value": "v"}]}, (400,)),
        (("/partitions/one", JSON), {"records": [{"value": "v"}]}, (400, 422)),
        (("/partitions/1", JSON), {"records": [{"value": "v", "partition": 2}]}, (400, 422)),
        (("", "text/csv"), {"records": [{"value": "v"}]}, (400, 415)),
    ],
)
def test_what_cannot_be_written_is_refused(
    client: Client, three: str, asked: tuple[str, str], body: object, codes: tuple[int, ...]
) -> None:
    refused(client.post(f"/topics/{three}{asked[0]}", body, asked[1]), *codes)


def test_a_consumer_is_made_and_deleted(client: Client) -> None:
    group, name = f"group-{uuid4().hex[:8]}", "mine"
    said = client.post(f"/consumers/{group}", {"name": name, "format": "json", "fetch.min.bytes": 100})
    assert said.status_code == 200
    base = f"/consumers/{group}/instances/{name}"
    assert said.json() == {"instance_id": name, "base_uri": str(client.http.base_url).rstrip("/") + base}
    refused(client.post(f"/consumers/{group}", {"name": name}), 409)
    assert client.http.delete(base).status_code == 204
    refused(client.http.delete(base), 404)
    unnamed = client.post(f"/consumers/{group}", {}).json()
    assert unnamed["base_uri"].endswith(f"/consumers/{group}/instances/{unnamed['instance_id']}")
    assert client.http.delete(f"/consumers/{group}/instances/{unnamed['instance_id']}").status_code == 204


@pytest.mark.parametrize(
    "headers, base",
    [
        ({"x-forwarded-host": "gateway:443", "x-forwarded-proto": "https"}, "https://gateway:443"),
        ({"forwarded": "host=gateway:443;proto=https"}, "https://gateway:443"),
        ({"forwarded": "host=gateway;proto=http"}, "http://gateway:80"),
        ({"forwarded": "host=gateway;proto=https", "x-forwarded-path": "/api/consumers/g"}, "https://gateway:443/api"),
    ],
)
def test_the_address_of_a_consumer_is_the_gateways(client: Client, headers: dict[str, str], base: str) -> None:
    name = f"c-{uuid4().hex[:8]}"
    said = client.post("/consumers/g", {"name": name}, **headers)
    assert said.json()["base_uri"] == f"{base}/consumers/g/instances/{name}"
    assert client.http.delete(f"/consumers/g/instances/{name}").status_code == 204


@pytest.mark.parametrize(
    "said, code",
    [
        ({"format": "avro"}, 422),
        ({"auto.offset.reset": "foo"}, 422),
        ({"isolation.level": "foo"}, 422),
        ({"enable.auto.commit": "true"}, 400),
        ({"fetch.min.bytes": "100"}, 400),
        ({"consumer.request.timeout.ms": "foo"}, 400),
        ({"foo": "bar"}, 400),
    ],
)
def test_a_consumer_that_cannot_be_is_refused(client: Client, said: dict[str, Any], code: int) -> None:
    refused(client.post("/consumers/g", {"name": f"c-{uuid4().hex[:8]}", **said}), code)


@pytest.mark.parametrize(
    "method, path, said",
    [
        ("POST", "/subscription", {"topics": ["t"]}),
        ("GET", "/subscription", None),
        ("DELETE", "/subscription", None),
        ("POST", "/assignments", PLACES),
        ("GET", "/records", None),
        ("POST", "/offsets", OFFSETS),
        ("POST", "/positions", OFFSETS),
        ("POST", "/positions/beginning", PLACES),
        ("POST", "/positions/end", PLACES),
        ("DELETE", "", None),
    ],
)
def test_there_is_no_such_consumer(client: Client, method: str, path: str, said: object) -> None:
    headers = {"accept": JSON, "content-type": PLAIN} if said else {"accept": JSON}
    refused(client.http.request(method, INSTANCE + path, json=said, headers=headers), 404)


def test_names_patterns_and_partitions_exclude_each_other(client: Client, topic: str) -> None:
    reader = client.consumer()
    refused(reader.post("subscription", {}, 422), 422)
    refused(reader.post("subscription", {"topics": [topic], "topic_pattern": "t.*"}, 409), 409)
    reader.assign(topic)
    refused(reader.post("subscription", {"topics": [topic]}, 409), 409)
    assert client.http.delete(f"{reader.path}/subscription").status_code == 204
    reader.post("subscription", {"topics": [topic]})
    refused(reader.post("assignments", {"partitions": [{"topic": topic, "partition": 0}]}, 409), 409)
    assert client.http.delete(f"{reader.path}/subscription").status_code == 204
    assert "not subscribed" in refused(reader.poll(), 500)["message"]
    assert reader.delete().status_code == 204


def test_a_group_reads_what_it_subscribed_to(client: Client, prefix: str) -> None:
    mine = [client.topic(f"{prefix}-sub-{number}") for number in range(2)]
    other = client.topic(f"{prefix}-sub-x")
    for each in (*mine, other):
        client.send(each, each)
    named, matched = client.consumer(), client.consumer()
    named.post("subscription", {"topics": mine})
    matched.post("subscription", {"topic_pattern": f"{prefix}-sub-\\d"})
    for reader in (named, matched):
        assert {each["value"] for each in reader.read(2)} == set(mine)
        shown = client.http.get(f"{reader.path}/subscription").json()
        assert sorted(shown["topics"]) == mine
        assert sorted(shown["partitions"], key=str) == [{each: [0]} for each in mine]
        assert reader.delete().status_code == 204


def test_an_answer_is_of_the_consumers_format(client: Client, topic: str) -> None:
    reader = client.consumer().assign(topic)
    for accept in (BINARY, TEXT, "text/csv"):
        refused(reader.poll(accept=accept), 406)
    client.send(topic, "no JSON", kind=TEXT)
    until = eventually(lambda: (said := reader.poll()).status_code != 200 and said)
    assert isinstance(until, httpx.Response)
    assert refused(until, 406)["message"].startswith("Failed to decode")


def test_an_answer_that_would_be_too_large_is_refused(client: Client, topic: str) -> None:
    client.send(topic, "x" * 1000)
    reader = client.consumer().assign(topic)
    said = eventually(lambda: (said := reader.poll(max_bytes=100)).status_code != 200 and said)
    assert isinstance(said, httpx.Response)
    assert refused(said, 422)["message"] == "Response exceeds the maximum number of bytes the consumer can receive"
    assert reader.delete().status_code == 204


def test_without_records_the_answer_is_empty(client: Client, topic: str) -> None:
    reader = client.consumer().assign(topic)
    said = reader.poll(100)
    assert (said.status_code, said.json()) == (200, [])


@pytest.mark.parametrize("named", [True, False])
def test_a_group_goes_on_where_it_committed(client: Client, topic: str, named: bool) -> None:
    client.send(topic, "a", "b", "c")
    first = client.consumer().assign(topic)
    assert len(first.read(3)) == 3
    if named:
        first.post("offsets", {"offsets": [{"topic": topic, "partition": 0, "offset": 2}]})
    else:
        assert client.http.post(f"{first.path}/offsets").status_code == 204
        client.send(topic, "d")
    assert first.delete().status_code == 204
    second = client.consumer(first.group).assign(topic)
    assert second.read(1)[0]["value"] == ("c" if named else "d")


def test_a_consumer_goes_where_it_is_told(client: Client, topic: str) -> None:
    client.send(topic, "a", "b", "c")
    reader = client.consumer().assign(topic)
    refused(reader.post("positions", {"offsets": [{"topic": topic, "partition": 7, "offset": 0}]}, 404), 404)
    refused(reader.post("positions/end", {"partitions": [{"topic": topic, "partition": 7}]}, 404), 404)
    assert len(reader.read(3)) == 3
    reader.post("positions", {"offsets": [{"topic": topic, "partition": 0, "offset": 2}]})
    assert [each["value"] for each in reader.read(1)] == ["c"]
    reader.post("positions/beginning", {"partitions": [{"topic": topic, "partition": 0}]})
    assert [each["value"] for each in reader.read(3)] == ["a", "b", "c"]
    reader.post("positions/beginning", {"partitions": [{"topic": topic, "partition": 0}]})
    reader.post("positions/end", {"partitions": [{"topic": topic, "partition": 0}]})
    assert reader.poll(500).json() == []
    client.send(topic, "d")
    assert [each["value"] for each in reader.read(1)] == ["d"]
