"""cluster check, through the command line, on a real broker."""

import json
import subprocess

from tests.services.copies import Copy


def verdicts(done: subprocess.CompletedProcess[str], status: int = 0) -> dict[str, str]:
    assert done.returncode == status, done.stderr
    return {each["check"]: each["verdict"] for each in json.loads(done.stdout)["findings"]}


def test_a_healthy_cluster_carries_a_canary(stack: Copy) -> None:
    found = verdicts(stack.headrace("cluster", "check", "--canary=500"))
    laptop = {"can't lose one broker", "one replica", "disk of broker 1"}  # one broker, and whatever fills its disk
    assert {found.pop(each) for each in laptop} <= {"ok", "warn"}
    assert set(found.values()) == {"ok"}
    assert {"canary", "controllers", "versions", "unclean election", "auto-create"} <= found.keys()


def test_retention_shorter_than_the_schedule_that_reads_the_topic_is_unhealthy(stack: Copy) -> None:
    topic = ("--reads=headrace.canary", "--canary=1")
    assert verdicts(stack.headrace("cluster", "check", "--every=29m", *topic))["retention"] == "ok"
    assert verdicts(stack.headrace("cluster", "check", "--every=59m", *topic))["retention"] == "warn"
    short = stack.headrace("cluster", "check", "--every=61m", *topic)
    assert verdicts(short, 4)["retention"] == "fail"
    assert "headrace.canary (1 h)" in short.stderr
    assert "next: retention.ms of at least 7320000 in topics.yaml" in short.stderr


def test_a_time_that_is_none_is_a_usage_error(stack: Copy) -> None:
    wrong = stack.headrace("cluster", "check", "--every=hourly", "--output=json")
    assert wrong.returncode == 2
    assert json.loads(wrong.stderr.splitlines()[-1])["status"] == 2


def test_the_table_has_a_verdict(stack: Copy) -> None:
    shown = stack.headrace("cluster", "check", "--output=table")
    assert shown.returncode == 0
    assert "ok    controllers" in shown.stdout
    assert shown.stdout.splitlines()[-1].endswith("0 failed")


def test_too_few_brokers_is_unhealthy(stack: Copy) -> None:
    assert verdicts(stack.headrace("cluster", "check", "--brokers=99"), 4)["brokers"] == "fail"


def test_the_wrong_cluster_is_unhealthy(stack: Copy) -> None:
    wrong = stack.headrace("cluster", "check", "--cluster-id=another")
    assert verdicts(wrong, 4)["cluster id"] == "fail"
    assert "expected another" in wrong.stderr


def test_a_cluster_that_is_down_is_unhealthy_soon(stack: Copy) -> None:
    down = stack.headrace("cluster", "check", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert verdicts(down, 4) == {"reachable": "fail"}
    assert "Connection refused" in down.stderr


def test_a_password_without_a_server_that_knows_it_is_said_soon(stack: Copy) -> None:
    secured = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN"}
    refused = stack.headrace("cluster", "check", **secured, KAFKA_SASL_USERNAME="me", KAFKA_SASL_PASSWORD="hunter2")
    assert verdicts(refused, 4) == {"reachable": "fail"}
    assert "hunter2" not in refused.stdout + refused.stderr
