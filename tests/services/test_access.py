"""Who may do what: every cell of the matrix, on a broker that allows nothing by default; certificates that are bad."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.copies import Copy, eventually, run
from tests.services.matrix import ALLOWED, OPERATIONS, write
from tests.services.pages import serving
from tests.services.secure import ADMIN, Secure

PASSWORDS = {"steps": "steps-canary-secret-2", "connect": "connect-canary-secret-3", "ops": "ops-canary-secret-4"}
SECRETS = [ADMIN, *PASSWORDS.values()]
ACCESS = """\
users:
  - name: steps
    password: ${env:STEPS}
    runs: [bronze load, silver clean, dlq list]
    topics: [events]
    quotas: {consumer_byte_rate: 50000000}
  - name: connect
    password: ${env:CONNECT}
    connectors: [CONNECTORS]
    workers: headrace-connect
  - name: ops
    password: ${env:OPS}
    runs: [topics plan, topics apply]
    declares: [TOPICS]
"""
CONNECTORS = """\
connectors:
  - name: out
    config: {connector.class: org.example.FileSinkConnector, topics: events, errors.deadletterqueue.topic.name: out.dlq}
  - name: in
    config: {connector.class: org.example.FileSourceConnector, topics: raw}
"""
TOPICS = "topics:\n" + "".join(f"  - name: {name}\n" for name in ("events", "events.dlq", "out.dlq", "raw"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    broker = Secure(tmp_path_factory.mktemp("secure"), 24500)
    try:
        broker.up()
        yield broker
    finally:
        broker.down()


def headrace(secure: Secure, *words: str, user: str = "admin", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user; whatever it is, no secret is in what it says."""
    password = ADMIN if user == "admin" else PASSWORDS[user]
    known = {name.upper(): value for name, value in PASSWORDS.items()}
    environment = secure.environment(user, password) | {"LOG_LEVEL": "DEBUG"} | known | more
    done = run(".venv/bin/headrace", *words, **environment)
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
    return done


def answer(done: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def file(secure: Secure) -> Path:
    """The access file, with its topics made."""
    for name, text in (("connectors.yaml", CONNECTORS), ("topics.yaml", TOPICS)):
        (secure.folder / name).write_text(text)
    text = ACCESS.replace("CONNECTORS", str(secure.folder / "connectors.yaml"))
    path = secure.folder / "access.yaml"
    path.write_text(text.replace("TOPICS", str(secure.folder / "topics.yaml")))
    answer(headrace(secure, "topics", "apply", str(secure.folder / "topics.yaml")))
    return path


def test_access_is_planned_applied_and_then_as_declared(secure: Secure, file: Path) -> None:
    missing = headrace(secure, "access", "apply", str(file), STEPS="")
    assert missing.returncode == 1
    assert f"{file}:3: steps: ${{env:STEPS}} is not set" in missing.stderr
    pending = answer(headrace(secure, "access", "plan", str(file), "--fail-on-changes"), 3)
    assert {(each["user"], each["kind"], each["what"]) for each in pending["changes"]} >= {
        ("steps", "password", "SCRAM-SHA-512"),
        ("steps", "right", "READ topic events"),
        ("steps", "right", "WRITE topic events.dlq"),
        ("steps", "quota", "consumer_byte_rate"),
        ("connect", "right", "READ group connect-out"),
        ("connect", "right", "WRITE topic raw"),
    }
    assert answer(headrace(secure, "access", "apply", str(file)))["applied"]
    assert answer(headrace(secure, "access", "plan", str(file), "--fail-on-changes"))["changes"] == []


def test_what_is_not_declared_is_taken_away(secure: Secure, file: Path) -> None:
    answer(headrace(secure, "access", "apply", str(file)))
    wider = file.with_name("wider.yaml")
    text = file.read_text().replace("quotas: {consumer_byte_rate: 50000000}", "produces: [raw]")
    wider.write_text(text)
    changes = answer(headrace(secure, "access", "apply", str(wider)))["changes"]
    assert [(each["action"], each["what"]) for each in changes] == [
        ("create", "WRITE topic raw"),
        ("delete", "consumer_byte_rate"),
    ]
    changes = answer(headrace(secure, "access", "apply", str(file)))["changes"]
    assert [(each["action"], each["what"]) for each in changes] == [
        ("create", "consumer_byte_rate"),
        ("delete", "WRITE topic raw"),
    ]


def test_a_password_that_is_another_now_is_found_by_logging_in(secure: Secure, file: Path) -> None:
    answer(headrace(secure, "access", "apply", str(file)))
    changed = answer(headrace(secure, "access", "apply", str(file), OPS="another-canary-5"))["changes"]
    assert [(each["user"], each["kind"], each["action"]) for each in changed] == [("ops", "password", "change")]
    back = answer(headrace(secure, "access", "apply", str(file)))["changes"]
    assert [(each["user"], each["kind"], each["action"]) for each in back] == [("ops", "password", "change")]


@pytest.fixture(scope="module")
def applied(secure: Secure, file: Path) -> Secure:
    """The access as declared, and a user of whom the file says nothing."""
    answer(headrace(secure, "access", "apply", str(file)))
    nobody = file.with_name("nobody.yaml")
    nobody.write_text("users:\n  - {name: nobody, password: '${env:NOBODY}'}\n")
    answer(headrace(secure, "access", "apply", str(nobody), NOBODY="nobody-canary"))
    write("events")(dict(secure.librdkafka("admin", ADMIN)))
    return secure


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("user", ALLOWED)
def test_every_cell_of_the_matrix(applied: Secure, user: str, operation: str) -> None:
    config = dict(applied.librdkafka(user, PASSWORDS.get(user, "nobody-canary"))) | {"log_level": 0}
    if operation in ALLOWED[user]:
        OPERATIONS[operation](config)
        return
    with pytest.raises(KafkaException) as refused:
        OPERATIONS[operation](config)
    assert "AUTHORIZATION_FAILED" in refused.value.args[0].name()


def test_ops_does_its_work_with_no_more_rights_than_these(applied: Secure) -> None:
    topics = applied.folder / "more.yaml"
    topics.write_text(TOPICS.replace("raw\n", "raw\n    partitions: 2\n"))
    done = answer(headrace(applied, "topics", "apply", str(topics), user="ops"))
    assert (done["change"], done["applied"]) == (1, True)
    foreign = applied.folder / "foreign.yaml"
    foreign.write_text("topics:\n  - name: foreign\n")
    refused = headrace(applied, "topics", "apply", str(foreign), user="ops")
    assert refused.returncode == 1
    assert "foreign: " in refused.stderr
    assert "uthorization failed" in refused.stderr


def test_who_sends_and_who_counts_payments_need_no_more_than_they_are_given(secure: Secure) -> None:
    roles = {"producer": "sends-canary-secret-6", "consumer": "counts-canary-secret-7", "": "steps-canary-secret-2"}
    names = {role: f"headrace-transactions-{role}".removesuffix("-") for role in roles}
    known = {f"{names[role].upper().replace('-', '_')}_PASSWORD": word for role, word in roles.items()}
    answer(headrace(secure, "topics", "apply", "transactions/topics.yaml"))
    answer(headrace(secure, "access", "apply", "transactions/access.yaml", **known))

    def done(role: str, *words: str) -> subprocess.CompletedProcess[str]:
        return headrace(secure, *words, KAFKA_SASL_USERNAME=names[role], KAFKA_SASL_PASSWORD=roles[role])

    send = ("replay", "send", "--dataset=transactions", "--count=200")
    answer(done("producer", *send))
    counted = answer(done("consumer", "stream", "consume", "--idle=1", "--port=0"))
    totals = answer(done("consumer", "stream", "totals"))

    assert (counted["counted"], sum(each["count"] for each in totals)) == (200, 200)
    assert done("consumer", *send, "--seed=2").returncode == 1
    assert done("producer", "stream", "consume", "--idle=1", "--port=0").returncode == 1


def test_a_user_that_is_absent_has_nothing_left(secure: Secure, file: Path) -> None:
    gone = file.with_name("gone.yaml")
    gone.write_text(
        "users:\n  - {name: temp, password: '${env:STEPS}', produces: [raw], quotas: {request_percentage: 5}}\n"
    )
    answer(headrace(secure, "access", "apply", str(gone)))
    gone.write_text("users:\n  - {name: temp, state: absent}\n")
    assert answer(headrace(secure, "access", "apply", str(gone)))["delete"] == 3
    assert answer(headrace(secure, "access", "plan", str(gone)))["changes"] == []


@pytest.mark.parametrize(
    "change, said",
    [
        ({"KAFKA_SSL_CA_LOCATION": "OTHER"}, ("certificate", "verif")),
        ({"KAFKA_BOOTSTRAP_SERVERS": "EXPIRED"}, ("expired",)),
        ({"KAFKA_BOOTSTRAP_SERVERS": "ELSEWHERE"}, ("hostname mismatch", "IP address mismatch")),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, ("TLS", "SSL")),
        ({"KAFKA_SASL_PASSWORD": "wrong-canary"}, ("uthentication failed",)),
    ],
    ids=["another authority", "expired", "another host", "no TLS", "wrong password"],
)
@pytest.mark.parametrize("command", ["topics plan", "access plan"])
def test_what_is_wrong_with_a_connection_is_said(
    secure: Secure, file: Path, change: dict[str, str], said: tuple[str, ...], command: str
) -> None:
    names = {"OTHER": str(secure.other_ca), **{each: secure.address(each) for each in secure.ports}}
    given = {key: names.get(value, value) for key, value in change.items()}
    path = file if command.startswith("access") else file.with_name("topics.yaml")
    refused = headrace(secure, *command.split(), str(path), **given)
    assert refused.returncode == 1
    assert any(each in refused.stderr for each in said), refused.stderr
    assert "Traceback" not in refused.stderr


def test_who_serves_the_live_page_can_do_that(applied: Secure, file: Path) -> None:
    page = file.with_name("page.yaml")
    page.write_text(
        "users:\n  - {name: page, password: '${env:PAGE}', runs: [alerts serve], topics: [shown, shown-alerts]}\n"
    )
    answer(headrace(applied, "access", "apply", str(page), PAGE="page-canary"))
    admin = dict(applied.librdkafka("admin", ADMIN))
    topics = [NewTopic("shown", 1), NewTopic("shown-alerts", 1)]
    client = AdminClient(admin)  # ends its requests when nobody holds it
    for topic, made in client.create_topics(topics).items():
        made.result()
        write(topic)(admin)
    with serving(Copy(applied.folder), "shown", **applied.environment("page", "page-canary")) as served:
        state = eventually(lambda: state if (state := served.state())["alerts"]["malformed"] else {})
        assert (state["records"]["held"], state["lag"]["records"], state["trouble"]) == (1, None, "")


def test_without_an_authorizer_rights_mean_nothing(stack: Any, tmp_path: Path) -> None:
    path = tmp_path / "access.yaml"
    path.write_text("users:\n  - {name: x, consumes: [a]}\n")
    refused = stack.headrace("access", "plan", str(path))
    assert refused.returncode == 1
    assert "the brokers have no authorizer" in refused.stderr


def test_a_literal_password_is_a_usage_error_and_is_not_repeated(secure: Secure, tmp_path: Path) -> None:
    path = tmp_path / "access.yaml"
    path.write_text("users:\n  - {name: x, password: hunter2-canary}\n")
    refused = headrace(secure, "access", "plan", str(path))
    assert refused.returncode == 2
    assert f"{path}:2: users[0].password" in refused.stderr
    assert "hunter2-canary" not in refused.stderr + refused.stdout


def test_users_go_to_strimzi(secure: Secure, file: Path) -> None:
    (steps, *_) = answer(headrace(secure, "access", "export", str(file), "--cluster=prod"))["items"]
    assert steps["spec"]["authentication"] == {"type": "scram-sha-512"}
    assert steps["spec"]["quotas"] == {"consumerByteRate": 50000000}
    assert {
        "resource": {"type": "topic", "name": "events", "patternType": "literal"},
        "operations": ["Read"],
    } in steps["spec"]["authorization"]["acls"]
