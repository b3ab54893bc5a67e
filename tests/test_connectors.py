"""No secret is declared or shown, what Connect does not check is checked, and a state is the worst there is."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.connect import Connect
from jobs.connectors import rules, strimzi
from jobs.connectors.causes import root_cause
from jobs.connectors.changes import diff
from jobs.connectors.declared import load
from jobs.connectors.states import judge
from jobs.errors import JobError, UsageError

SECRET = "hunter2"
SINK = "org.apache.camel.kafkaconnector.CamelSinkConnector"
SOURCE = "org.apache.camel.kafkaconnector.CamelSourceConnector"
CHAIN = "region=eu-west-1&useDefaultCredentialsProvider=true"


def problems(**config: str) -> list[tuple[str, str]]:
    return list(rules.problems({"connector.class": "X"} | {k.replace("_", "."): v for k, v in config.items()}))


@pytest.mark.parametrize(
    "key, value",
    [
        ("database.password", SECRET),
        ("aws.secret.access.key", SECRET),
        ("camel.kamelet.telegram-source.authorizationToken", SECRET),
        ("basic.auth.user.info", f"me:{SECRET}"),
        ("connection.url", f"jdbc:postgresql://me:{SECRET}@host/db"),
        ("producer.override.sasl.jaas.config", f'X required username="u" password="{SECRET}";'),
        ("password", "${env:X}" + SECRET),
    ],
)
def test_a_secret_written_out_is_refused_and_never_shown(key: str, value: str) -> None:
    found = list(rules.problems({"connector.class": "X", key: value}))
    assert [name for name, _ in found] == [key]
    assert SECRET not in str(found)
    assert SECRET not in (rules.hidden(key, value) or "")


@pytest.mark.parametrize(
    "key, value",
    [
        ("database.password", "${env:PASSWORD}"),
        ("database.password", "${secrets:kafka/database:password}"),
        ("sasl.oauthbearer.token.endpoint.url", "https://issuer/token"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("connection.url", "jdbc:postgresql://me:${env:PASSWORD}@host/db"),
    ],
)
def test_references_and_what_only_sounds_secret_are_allowed(key: str, value: str) -> None:
    assert not list(rules.problems({"connector.class": "X", key: value}))
    assert rules.hidden(key, value) == value


@pytest.mark.parametrize("name", ["authorizationToken", "secretKey", "accessKey"])
def test_a_secret_inside_a_camel_url_is_refused_and_never_shown(name: str) -> None:
    url = f"aws2-sqs:q?{CHAIN}&{name}={SECRET}"
    found = list(rules.problems({"connector.class": SINK, "camel.sink.url": url}))
    assert any(name in why for _, why in found)
    assert SECRET not in str(found)
    assert rules.hidden("camel.sink.url", url) == f"aws2-sqs:q?{CHAIN}&{name}=(hidden)"


@pytest.mark.parametrize(
    "plugin, config, said",
    [
        (SOURCE, {}, "is required"),
        (SINK, {"camel.source.url": "x:y"}, "is required"),
        (SOURCE, {"camel.source.url": "telegram:bots"}, "telegram needs the parameter authorizationToken"),
        (SOURCE, {"camel.source.url": "telegram:bots?authorizationTokn=${env:T}"}, "did you mean authorizationTokn?"),
        (SOURCE, {"camel.source.url": "telegram:bots?authorizationToken=${env:T}", "tasks.max": "2"}, "must be 1"),
        (SINK, {"camel.sink.url": f"aws2-sqs:?{CHAIN}"}, "says no name"),
        (SINK, {"camel.sink.url": "aws2-sqs:q?useDefaultCredentialsProvider=true"}, "needs the parameter region"),
        (SINK, {"camel.sink.url": "aws2-sqs:q?region=x"}, "useDefaultCredentialsProvider=true"),
        (SINK, {"camel.sink.url": f"aws2-sqs:q?{CHAIN}&overrideEndpoint=true"}, "needs uriEndpointOverride"),
    ],
)
def test_camel_parameters_that_connect_does_not_check_are_checked(
    plugin: str, config: dict[str, str], said: str
) -> None:
    assert any(said in why for _, why in rules.problems({"connector.class": plugin} | config))


def test_problems_are_said_with_their_line_and_two_pollers_of_one_token_are_refused(tmp_path: Path) -> None:
    url = "telegram:bots?authorizationToken=${env:T}"
    file = tmp_path / "connectors.yaml"
    file.write_text(
        "connectors:\n"
        f"- name: a\n  config:\n    connector.class: {SOURCE}\n    camel.source.url: {url}\n    db.password: {SECRET}\n"
        f"- name: b\n  config:\n    connector.class: {SOURCE}\n    camel.source.url: {url}\n"
    )
    with pytest.raises(UsageError) as caught:
        load(file)
    assert "connectors.yaml:6: a: db.password: it is written out" in str(caught.value)
    assert "connectors.yaml:8: b: a polls with the same token" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_what_this_repository_declares_keeps_the_rules() -> None:
    assert list(load(Path("messages/connectors.yaml")).value.resolved()) == ["messages-telegram", "messages-sqs"]


def test_the_plan_hides_secrets_that_are_in_force() -> None:
    declared = {"a": {"db.password": "${env:P}", "tasks.max": "1"}}
    plan = diff(declared, {"a": {"db.password": SECRET, "old": "x"}, "other": {}}, "f")
    assert (plan.create, plan.change) == (0, 1)
    assert [(each.name, each.before, each.after) for each in plan.changes[0].settings] == [
        ("db.password", "(hidden)", "${env:P}"),
        ("old", "x", None),
        ("tasks.max", None, "1"),
    ]
    assert SECRET not in plan.text() + plan.model_dump_json()
    assert not diff(declared, declared, "f").changes


@pytest.mark.parametrize(
    "wanted, target, change",
    [
        ("RUNNING", "RUNNING", None),
        ("PAUSED", "RUNNING", ("RUNNING", "PAUSED")),
        ("RUNNING", "STOPPED", ("STOPPED", "RUNNING")),
        ("STOPPED", "STOPPED", None),
    ],
)
def test_the_state_is_declared_too(wanted: str, target: str, change: tuple[str, str] | None) -> None:
    plan = diff({"a": {"x": "1"}}, {"a": {"x": "1"}}, "f", wanted={"a": wanted}, targets={"a": target})
    assert [(each.state.before, each.state.after) for each in plan.changes if each.state] == (
        [change] if change else []
    )
    if change:
        assert f"(state): {change[0]} -> {change[1]}" in plan.text()


def test_a_new_connector_says_its_state_when_it_does_not_run() -> None:
    plan = diff({"a": {}, "b": {}}, {}, "f", wanted={"a": "STOPPED", "b": "RUNNING"})
    assert [(each.connector, each.action) for each in plan.changes] == [("a", "create")]
    assert "(state): STOPPED" in plan.text()


def test_strimzis_resources_say_the_same(tmp_path: Path) -> None:
    made = strimzi.manifests(load(Path("messages/connectors.yaml")), "connect")
    [telegram, sqs] = made.items
    assert telegram["metadata"] == {"name": "messages-telegram", "labels": {"strimzi.io/cluster": "connect"}}
    assert (telegram["spec"]["class"], telegram["spec"]["tasksMax"], telegram["spec"]["state"]) == (
        SOURCE,
        1,
        "running",
    )
    assert "${env:TELEGRAM_TOKEN}" in telegram["spec"]["config"]["camel.source.url"]
    assert not {"connector.class", "tasks.max", "name"} & sqs["spec"]["config"].keys()
    assert made.text().count("---") == 2
    bad = tmp_path / "connectors.yaml"
    bad.write_text(
        f"connectors:\n- name: My_Sink\n  config:\n    connector.class: {SOURCE}\n    camel.source.url: a:b\n"
    )
    with pytest.raises(UsageError, match=r"connectors.yaml:2: My_Sink: Kubernetes allows"):
        strimzi.manifests(load(bad), "connect")


def status(connector: str, *tasks: str, trace: str = "") -> dict[str, Any]:
    return {
        "type": "sink",
        "connector": {"state": connector},
        "tasks": [{"id": n, "state": state, "trace": trace} for n, state in enumerate(tasks)],
    }


@pytest.mark.parametrize(
    "given, state, tasks",
    [
        (status("RUNNING", "RUNNING", "RUNNING"), "RUNNING", "2/2"),
        (status("RUNNING", "RUNNING", "FAILED"), "FAILED", "1/2"),
        (status("RUNNING", "UNASSIGNED"), "UNASSIGNED", "0/1"),
        (status("RUNNING"), "UNASSIGNED", "0/0"),
        (status("PAUSED", "PAUSED"), "PAUSED", "0/1"),
        (status("RUNNING", "NEW_STATE_OF_KAFKA_9"), "NEW_STATE_OF_KAFKA_9", "0/1"),
        (None, "MISSING", "0/0"),
    ],
)
def test_a_connector_is_no_better_than_its_worst_task(given: dict[str, Any] | None, state: str, tasks: str) -> None:
    found = judge("a", given)
    assert (found.state, found.tasks) == (state, tasks)


def test_the_cause_is_the_last_one_of_the_trace() -> None:
    trace = "a.B: outer\n\tat x\nCaused by: c.D: middle\n\tat y\nCaused by: e.F: root\n\tat z\n\t... 7 more\n"
    assert root_cause(trace) == "e.F: root"
    assert root_cause("a.B: only\n\tat x") == "a.B: only"
    assert judge("a", status("RUNNING", "FAILED", trace=trace)).cause == "e.F: root"


def test_a_worker_that_rebalances_is_asked_again() -> None:
    answers = iter([httpx.Response(409, json={"message": "rebalance"}), httpx.Response(200, json=[{"class": "a.B"}])])
    connect = Connect("http://connect", httpx.MockTransport(lambda _: next(answers)))
    assert connect.plugins() == ["a.B"]


def test_what_connect_refuses_is_said_on_one_line() -> None:
    said = httpx.Response(400, json={"error_code": 400, "message": "bad\nlong story"})
    with pytest.raises(JobError, match=r"refuses PUT /connectors/a/config: 400 bad$"):
        Connect("http://connect", httpx.MockTransport(lambda _: said)).put("a", {})
