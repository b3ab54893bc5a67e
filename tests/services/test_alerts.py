"""alerts serve, on a real broker: what it counts, what it streams, and how it ends."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from prometheus_client.parser import text_string_to_metric_families

from tests.services.attacks import Attacks, attacks
from tests.services.copies import Copy, eventually
from tests.services.pages import Page, serving


@pytest.fixture(scope="module")
def demo(stack: Copy) -> Iterator[Attacks]:
    with attacks(Attacks(stack.env["KAFKA_BOOTSTRAP_SERVERS"])) as both:
        yield both


@pytest.fixture(scope="module")
def page(stack: Copy, demo: Attacks) -> Iterator[Page]:
    with serving(stack, demo.topic) as served:
        yield served


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The states of a stream; each has an id, and ids grow."""
    last = 0
    for line in answer.iter_lines():
        if line.startswith("id: "):
            assert int(line[4:]) > last
            last = int(line[4:])
        elif line.startswith("data: "):
            state = json.loads(line[6:])
            assert state["id"] == last
            yield state


def test_before_anything_is_there_it_says_what_to_run(page: Page, demo: Attacks) -> None:
    state = eventually(lambda: state if (state := page.state())["records"]["held"] == 0 else {})
    assert (state["alerts"]["total"], state["trouble"], state["lag"]["records"]) == (0, "", None)
    assert state["advice"] == f"headrace replay send connections --topic={demo.topic} --rate=1000"
    assert httpx.get(f"{page.url}healthz").text == "ok\n"


def test_what_is_committed_is_counted_and_nothing_else(page: Page, demo: Attacks) -> None:
    before = page.total()
    half = Producer({**demo.settings, "transactional.id": demo.topic})
    half.init_transactions()
    half.begin_transaction()
    demo.send(demo.alert("u2r", id="aborted"), producer=half)
    assert half.flush(30) == 0  # it is in the log, and must not be seen
    half.abort_transaction()
    half.begin_transaction()
    demo.send(demo.alert("dos", id="committed"), producer=half)
    half.commit_transaction()
    wrong = demo.alert("probe", **{"class": "normal", "label": "normal"})
    demo.send(wrong, b"{not json", demo.alert("r2l", label=None, **{"class": None}))
    state = page.until(before + 3)
    assert [each["id"] for each in state["last"]].count("committed") == 1
    assert "aborted" not in json.dumps(state)
    assert (state["alerts"]["malformed"], state["alerts"]["fault"].startswith(f"{demo.alerts}/")) == (1, True)
    assert state["precision"]["probe"] == {"right": 0, "known": 1, "share": 0}
    assert state["precision"]["r2l"]["known"] == 0
    assert 780 <= state["latency"]["minute"]["p50"] <= 820
    families = text_string_to_metric_families(httpx.get(f"{page.url}metrics").text)
    found = {(each.name, each.labels.get("said")): each.value for family in families for each in family.samples}
    assert found["headrace_alerts_total", "u2r"] == 0
    assert (found["headrace_alerts_total", "probe"], found["headrace_alerts_malformed_total", None]) == (1, 1)


def test_the_source_is_seen_by_its_rate_and_the_scorer_by_its_lag(page: Page, demo: Attacks) -> None:
    before = page.state()["records"]["held"]
    demo.records(500)
    demo.scored(100, 150)

    def seen() -> dict[str, Any]:
        state = page.state()
        rated = sum(filter(None, state["series"]["records"]))
        return state if state["lag"]["records"] == before + 250 and rated > 0 else {}

    state = eventually(seen)
    assert state["records"]["held"] == before + 500
    assert sum(filter(None, state["series"]["records"])) == pytest.approx(500, rel=0.3)  # per second, so about so many


def test_a_stream_is_one_state_a_second_and_goes_on_after_it_broke(page: Page, demo: Attacks) -> None:
    with httpx.stream("GET", f"{page.url}events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        first, second = islice(events(answer), 2)
    assert second["id"] - first["id"] in (1, 2)
    before = second["alerts"]["total"]
    demo.send(demo.alert())  # while nobody listens
    page.until(before + 1)
    with httpx.stream("GET", f"{page.url}events", headers={"Last-Event-ID": str(second["id"])}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        again = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
    assert again["alerts"]["total"] == before + 1
    assert again["series"]["first"] + len(again["series"]["dos"]) == again["id"]


def test_who_does_not_read_holds_nobody_up(stack: Copy, demo: Attacks) -> None:
    with serving(stack, demo.topic) as served, ExitStack() as opened:
        host, port = served.url.removeprefix("http://").strip("/").split(":")
        for _ in range(20):
            deaf = opened.enter_context(socket.create_connection((host, int(port))))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with httpx.stream("GET", f"{served.url}events") as answer:
            states = events(answer)
            assert len([next(states) for _ in range(3)]) == 3
            served.process.send_signal(signal.SIGTERM)
            assert len(list(states)) < 5  # the stream ends by itself, not with an error
        served.process.wait(timeout=20)


def test_more_than_a_hundred_may_not_watch_and_who_leaves_makes_room(page: Page) -> None:
    host, port = page.url.removeprefix("http://").strip("/").split(":")

    def watch() -> socket.socket:
        line = socket.create_connection((host, int(port)))
        line.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return line

    def status() -> int:
        with httpx.stream("GET", f"{page.url}events") as answer:
            return answer.status_code

    many = [watch() for _ in range(100)]
    try:
        eventually(lambda: status() == 503)
    finally:
        for each in many:
            each.close()
    eventually(lambda: status() == 200)


def test_a_topic_that_is_missing_is_said_and_found_once_it_is_there(stack: Copy) -> None:
    later = Attacks(stack.env["KAFKA_BOOTSTRAP_SERVERS"])
    with serving(stack, later.topic) as served:
        state = eventually(lambda: state if (state := served.state())["trouble"] else {})
        assert state["trouble"].startswith(f"there is no topic {later.topic}")
        assert (state["hint"], state["advice"]) == ("headrace topics apply --file=intrusions/topics.yaml", "")
        later.create()
        try:
            eventually(lambda: not served.state()["trouble"])
            later.send(later.alert())
            served.until(1)
            # Deleted, and made again with more partitions: another topic, of which everything is new.
            later.admin.delete_topics([later.alerts])[later.alerts].result()
            eventually(lambda: served.state()["trouble"])
            later.admin.create_topics([NewTopic(later.alerts, 3)])[later.alerts].result()
            eventually(lambda: not served.state()["trouble"])
            later.send(later.alert(), later.alert())
            served.until(3)
        finally:
            later.delete()


def test_kafka_may_be_away_when_it_begins(stack: Copy, demo: Attacks) -> None:
    with serving(stack, demo.topic, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9") as served:
        state = eventually(lambda: state if (state := served.state())["trouble"] else {})
        assert "127.0.0.1:9" in state["trouble"] or "has not answered" in state["trouble"]
        assert "headrace_alerts_current" in (text := httpx.get(f"{served.url}metrics").text)
        assert f'headrace_alerts_current{{topic="{demo.topic}"}} 0.0' in text
        assert httpx.get(f"{served.url}healthz").status_code == 200


def test_kafka_may_be_away_for_a_while(stack: Copy, page: Page, demo: Attacks) -> None:
    total, broker = page.total(), stack.pids()["kafka-1"]
    os.kill(broker, signal.SIGSTOP)
    try:
        said = eventually(lambda: page.state()["trouble"])
        assert "has not answered for" in said
        assert httpx.get(f"{page.url}healthz").status_code == 200  # to start it anew would help nobody
    finally:
        os.kill(broker, signal.SIGCONT)
    demo.send(demo.alert())
    page.until(total + 1)
    eventually(lambda: not page.state()["trouble"], seconds=60)


def test_what_cannot_be_served_is_refused(stack: Copy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = stack.headrace("alerts", "serve", f"--port={port}", "--output=json")
    assert done.returncode == 1
    said = json.loads(done.stderr.splitlines()[-1])
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said["error"]
    assert said["hint"] == f"--port={port + 1}"
    open_ = stack.headrace("alerts", "serve", "--host=0.0.0.0", "--port=0")
    assert (open_.returncode, "asks nobody who they are" in open_.stderr) == (2, True)
    assert stack.headrace("alerts", "serve", "--since=soon").returncode == 2


def test_others_are_served_when_its_user_says_so(stack: Copy, demo: Attacks) -> None:
    with serving(stack, demo.topic, "--host=0.0.0.0", "--exposed") as served:
        port = served.url.rpartition(":")[2]
        answer = httpx.get(f"http://127.0.0.1:{port}", headers={"Host": "alerts.example"})
        assert (answer.status_code, "<title>Headrace: alerts</title>" in answer.text) == (200, True)
