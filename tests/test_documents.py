"""The pure parts of draining a queue into documents."""

import time
from pathlib import Path
from threading import Event

import pytest
from prometheus_client import generate_latest
from pymongo.errors import BulkWriteError

from jobs.documents import client, declared, difference
from jobs.documents.difference import Actual, diff
from jobs.errors import JobError, UsageError
from jobs.rabbit.draining import Drain, Limits, letter
from jobs.rabbit.link import Message
from jobs.rabbit.serving import HANGS, Watch
from stack import documents

SCHEMA = {"bsonType": "object", "required": ["time"]}
INDEX = declared.Index(name="time", keys=(("vehicle", 1), ("time", -1)))
WANTED = declared.Collection(name="vehicles", documents=SCHEMA, indexes=[INDEX])
LISTED = {"key": {"vehicle": 1, "time": -1.0}, "v": 2, "name": "time"}


def test_what_is_declared_in_the_repository_can_be_read() -> None:
    found = declared.load(Path("documents/collections.yaml")).value
    assert "vehicles" in {each.name for each in found.collections}


def test_a_new_collection_is_made_with_its_schema_and_its_indexes() -> None:
    changes = diff("f", [WANTED], {}, checks=True).changes
    assert [(each.action, each.what) for each in changes] == [("create", "collection"), ("create", "index")]


def test_what_is_as_declared_is_left_alone() -> None:
    there = Actual({"$jsonSchema": SCHEMA}, "strict", {"time": LISTED})
    found = diff("f", [WANTED], {"vehicles": there}, checks=True)
    assert (found.changes, found.refused, found.unchecked) == ((), (), ())


@pytest.mark.parametrize(
    "there",
    [
        Actual(indexes={"time": LISTED}),
        Actual({"$jsonSchema": {}}, "strict", {"time": LISTED}),
        Actual({"$jsonSchema": SCHEMA}, "moderate", {"time": LISTED}),
    ],
)
def test_another_schema_is_changed_where_the_server_can_check(there: Actual) -> None:
    found = diff("f", [WANTED], {"vehicles": there}, checks=True)
    assert [(each.action, each.what) for each in found.changes] == [("change", "schema")]
    unable = diff("f", [WANTED], {"vehicles": there}, checks=False)
    assert (unable.changes, unable.unchecked) == ((), ("vehicles",))


def test_an_index_of_another_definition_is_refused_and_one_that_nobody_declares_is_left() -> None:
    there = Actual(indexes={"time": {"key": {"time": 1}}, "mine": {"key": {"x": 1}}})
    found = diff("f", [WANTED], {"vehicles": there}, checks=False)
    assert "another definition" in found.refused[0]
    assert (found.changes, found.undeclared) == ((), ("vehicles.mine",))


def test_a_name_that_is_declared_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "collections:\n- name: a\n  indexes:\n  - {name: i, keys: {x: 1}}\n  - {name: i, keys: {y: 1}}\n- name: a\n"
    )
    with pytest.raises(UsageError) as said:
        declared.load(file)
    assert "c.yaml:6: a is declared already" in str(said.value)
    assert "c.yaml:5: i is declared already" in str(said.value)


def test_the_order_of_an_index_is_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "collections:\n- name: a\n  indexes:\n  - {name: i, keys: {b: 1, a: -1}, unique: true, expire_after: 5}\n"
    )
    index = declared.load(file).value.collections[0].indexes[0]
    assert difference.options(index) == {"key": [("b", 1), ("a", -1)], "unique": True, "expireAfterSeconds": 5}


THERE = (11000, "E11000 duplicate key error collection: d.c index: _id_ dup key: {_id: 1}")
TAKEN = (11000, "E11000 duplicate key error collection: d.c index: mail dup key: {mail: 1}")
INVALID, FULL = (121, "Document failed validation"), (50, "operation exceeded time limit")


def bulk(*failed: tuple[int, str], concern: bool = False) -> BulkWriteError:
    errors = [{"index": place, "code": code, "errmsg": why} for place, (code, why) in enumerate(failed)]
    concerns = [{"errmsg": "waiting for replication timed out"}] if concern else []
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": concerns})


def test_of_a_batch_that_failed_in_part_each_document_is_accounted_for() -> None:
    found = client._judged(bulk(THERE, INVALID, TAKEN), [7, 8, 9, 10])  # pyright: ignore[reportPrivateUsage]
    assert (found.new, found.before, [*found.refused]) == (1, 1, [8, 9])
    assert "must be unique" in found.refused[9], "it is not there, and must not be taken for it"


@pytest.mark.parametrize("error", [bulk(FULL), bulk(concern=True)])
def test_a_batch_that_most_members_do_not_have_is_not_written(error: BulkWriteError) -> None:
    with pytest.raises(JobError, match="was not written"):
        client._judged(error, [7, 8, 9])  # pyright: ignore[reportPrivateUsage]


def test_a_letter_is_the_message_with_why_and_where() -> None:
    found = letter(Message(b"x", "id", {"mine": 1}, 9), "q", "no time")
    assert (found.body, found.id, found.headers) == (b"x", "id", {"mine": 1, "reason": "no time", "queue": "q"})


def test_a_worker_holds_what_is_under_way_and_one_batch_more() -> None:
    assert Limits(5000, 2).prefetch == 15_000
    assert Limits(60_000, 8).prefetch == 65_535


def test_a_drain_hangs_when_no_batch_ends_but_not_while_the_broker_is_away() -> None:
    drain = Drain("q", lambda _: client.Written(0, 0, {}), Limits(1, 1), Event())
    watch = Watch(drain)
    assert (watch.alive, watch.ready) == (True, False)
    drain.connected, drain.turned = True, time.monotonic()
    assert (watch.alive, watch.ready) == (True, True)
    drain.turned -= HANGS
    assert (watch.alive, watch.ready) == (False, True)
    drain.connected = False
    assert watch.alive

    drain.tally.documents, drain.tally.dead = 3, 2
    told = generate_latest(watch.registry).decode()
    assert 'headrace_drain_messages_total{outcome="document",queue="q"} 3.0' in told
    assert 'headrace_drain_messages_total{outcome="dead",queue="q"} 2.0' in told


def test_documents_start_only_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert documents.programs([]) == []
    monkeypatch.setattr(documents, "server", lambda: "")
    assert documents.programs(["documents"]) == ["mongodb"]
    monkeypatch.setattr(documents, "server", lambda: "/bin/rabbit")
    assert documents.programs(["documents"]) == ["epmd", "rabbitmq", "mongodb"]
