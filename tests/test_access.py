"""Rights follow from what users do: no more than that, and nothing is forgotten."""

from pathlib import Path

import pytest

from jobs import access, catalogue
from jobs.access.changes import Holder, Plan, diff
from jobs.access.declared import User, load
from jobs.access.derived import connector, rights
from jobs.access.roles import ROLES, Right
from jobs.access.strimzi import manifests
from jobs.errors import UsageError


def said(user: User, topics: tuple[str, ...] = ()) -> list[str]:
    return [str(each) for each in rights(user, {"topics.yaml": topics}, {})]


def test_every_job_that_needs_kafka_has_a_role() -> None:
    jobs = {f"{job.noun} {job.verb}": job for job in catalogue.all_jobs()}
    assert [name for name, job in jobs.items() if "kafka" in job.needs and name not in ROLES] == []


def test_no_job_may_touch_all_topics_but_to_look() -> None:
    stars = {(name, right.operation) for name, role in ROLES.items() for right in role if right.name == "*"}
    assert {operation for _, operation in stars} <= {"DESCRIBE", "DESCRIBE_CONFIGS"}
    prefixed = {(right.kind, right.name) for role in ROLES.values() for right in role if right.pattern == "PREFIXED"}
    assert prefixed == {("transactional_id", "headrace-stream-{topic}/")}


def test_who_runs_a_job_may_do_what_it_does_to_these_topics() -> None:
    assert said(User(name="a", runs=["bronze load", "silver clean"], topics=["x", "y"])) == [
        "READ group bronze-x",
        "READ group bronze-y",
        "READ topic x",
        "DESCRIBE_CONFIGS topic x.dlq",
        "WRITE topic x.dlq",
        "READ topic y",
        "DESCRIBE_CONFIGS topic y.dlq",
        "WRITE topic y.dlq",
    ]
    applies = said(User(name="a", runs=["topics apply"], declares=["topics.yaml"]), ("t",))
    assert "ALTER topic t" in applies
    assert "ALTER cluster kafka-cluster" not in applies, "it would let it give rights to anyone"
    moves = said(User(name="a", runs=["topics apply"], declares=["topics.yaml"], moves=True), ("t",))
    assert "ALTER cluster kafka-cluster" in moves


@pytest.mark.parametrize(
    "config, expected",
    [
        (
            {"connector.class": "a.SinkConnector", "topics": "x, y"},
            ["READ topic x", "READ topic y", "READ group connect-c"],
        ),
        (
            {"connector.class": "CamelSinkConnector", "topics": "x", "errors.deadletterqueue.topic.name": "d"},
            ["READ topic x", "READ group connect-c", "WRITE topic d"],
        ),
        ({"connector.class": "a.SourceConnector", "topics": "x"}, ["WRITE topic x"]),
        ({"connector.class": "a.FileStreamSourceConnector", "topic": "x"}, ["WRITE topic x"]),
    ],
)
def test_a_connector_reads_or_writes(config: dict[str, str], expected: list[str]) -> None:
    assert [str(each) for each in connector("c", config)] == expected


READ, WRITE = Right("topic", "t", "READ"), Right("topic", "t", "WRITE")


def changes(plan: Plan) -> list[tuple[str, str, str]]:
    return [(each.action, each.kind, each.what) for each in plan.changes]


def test_what_lacks_is_given_before_the_rest_is_taken() -> None:
    wanted = Holder(frozenset({READ}), {"producer_byte_rate": 2.0}, frozenset({"SCRAM-SHA-512"}))
    now = Holder(frozenset({WRITE}), {"producer_byte_rate": 1.0, "request_percentage": 5.0})
    plan = diff({"u": wanted}, {"u": now, "foreign": now})
    assert changes(plan) == [
        ("create", "password", "SCRAM-SHA-512"),
        ("create", "right", "READ topic t"),
        ("change", "quota", "producer_byte_rate"),
        ("delete", "quota", "request_percentage"),
        ("delete", "right", "WRITE topic t"),
    ]
    assert "- WRITE topic t" in plan.text().replace("[red]-[/red]", "-")
    assert plan.text().endswith("2 to create, 1 to change, 2 to delete")
    assert not diff({"u": wanted}, {"u": wanted}).changes


def test_a_password_that_is_refused_is_changed() -> None:
    known = frozenset({"SCRAM-SHA-512"})
    assert changes(diff({"u": Holder(mechanisms=known)}, {"u": Holder(mechanisms=known, outdated=True)})) == [
        ("change", "password", "SCRAM-SHA-512")
    ]


@pytest.mark.parametrize(
    "text, why",
    [
        ("{name: a, password: hunter2}", ":2: users[0].password"),
        ("{name: a, runs: [bronze lod]}", "no job bronze lod reads Kafka; did you mean bronze load?"),
        ("{name: a, connectors: [c.yaml]}", "say the group of the workers too"),
        ("{name: a}\n  - {name: a}", ":3: user a is declared twice"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "access.yaml"
    path.write_text(f"users:\n  - {text}\n")
    with pytest.raises(UsageError) as refused:
        load(path)
    assert why in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_the_declared_pipeline_has_the_least_that_it_needs() -> None:
    users = access.derived(load(Path("messages/access.yaml")))
    assert sorted(map(str, users["headrace-messages"].rights)) == [
        "CREATE topic headrace.exports",
        "CREATE topic headrace.lock",
        "DESCRIBE_CONFIGS topic messages.dlq",
        "READ group bronze-messages",
        "READ group headrace",
        "READ topic headrace.exports",
        "READ topic headrace.lock",
        "READ topic messages",
        "READ topic messages.dlq",
        "WRITE topic headrace.exports",
        "WRITE topic headrace.lock",
        "WRITE topic messages.dlq",
    ]
    connect = set(map(str, users["headrace-connect"].rights))
    assert {"WRITE topic messages", "READ group connect-messages-sqs", "WRITE topic messages.sqs.dlq"} <= connect
    assert not any("messages.dlq" in each for each in connect)


def test_users_go_to_strimzi() -> None:
    user = Holder(frozenset({READ, WRITE, Right("cluster", "kafka-cluster", "DESCRIBE")}), {"producer_byte_rate": 5.0})
    (found,) = manifests({"u": user}, "prod").items
    assert found["spec"] == {
        "authentication": {"type": "tls"},
        "authorization": {
            "type": "simple",
            "acls": [
                {"resource": {"type": "cluster"}, "operations": ["Describe"]},
                {"resource": {"type": "topic", "name": "t", "patternType": "literal"}, "operations": ["Read", "Write"]},
            ],
        },
        "quotas": {"producerByteRate": 5.0},
    }
