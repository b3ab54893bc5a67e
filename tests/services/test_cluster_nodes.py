"""cluster check where brokers and controllers can be lost, and where connections are encrypted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.brokers import Brokers
from tests.services.copies import eventually, run
from tests.services.secure import ADMIN, Secure


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    broker = Secure(tmp_path_factory.mktemp("check-secure"), 26500)
    try:
        broker.up()
        yield broker
    finally:
        broker.down()


def check(nodes: Brokers, *options: str) -> dict[str, dict[str, Any]]:
    done = nodes.copy.headrace("cluster", "check", "--brokers=3", *options)
    assert done.returncode in (0, 4), done.stderr
    findings = {each["check"]: each for each in json.loads(done.stdout)["findings"]}
    assert (done.returncode == 4) is any(each["verdict"] == "fail" for each in findings.values())
    return findings


def healthy(nodes: Brokers) -> dict[str, dict[str, Any]]:
    """What is found once every controller has caught up."""
    found = check(nodes, "--canary=100")
    return found if found["controllers"]["verdict"] == "ok" else {}


def missed(nodes: Brokers) -> dict[str, dict[str, Any]]:
    """What is found once a broker and a controller are missed."""
    found = check(nodes)  # for a moment the cluster may not answer at all
    both = [found[name]["verdict"] for name in ("brokers", "controllers") if name in found]
    return found if both == ["fail", "warn"] else {}


@pytest.fixture
def topics(brokers: Brokers) -> Iterator[None]:
    """Topics with and without slack, and one that may lose what was acknowledged."""
    admin = AdminClient({"bootstrap.servers": brokers.layout.brokers})
    rigid = NewTopic("rigid", 1, 3, config={"min.insync.replicas": "3"})
    unclean = NewTopic("unclean", 1, 3, config={"unclean.leader.election.enable": "true"})
    for made in admin.create_topics([NewTopic("slack", 3, 3), NewTopic("alone", 1, 1), rigid, unclean]).values():
        made.result()
    yield
    for name in ("kafka-3", "controller-3"):
        if brokers.nodes[name].poll() is not None:
            brokers.start(name)
    brokers.wait()
    for gone in admin.delete_topics(["slack", "alone", "rigid", "unclean"]).values():
        gone.result()


@pytest.mark.usefixtures("topics")
def test_what_can_be_lost_is_said_before_and_after_it_is(brokers: Brokers) -> None:
    found = eventually(lambda: healthy(brokers), seconds=60)
    assert "3 of 3 voters caught up (2 needed)" in found["controllers"]["detail"]
    well = ("brokers", "canary", "versions", "can't lose one controller", "metadata lag", "auto-create")
    assert {name: found[name]["verdict"] for name in well} == dict.fromkeys(well, "ok")
    assert {name for name in found if name.startswith("disk of broker")} == {f"disk of broker {n}" for n in (1, 2, 3)}
    assert "alone" in found["one replica"]["items"]
    assert found["min ISR too high"]["items"] == ["alone (2 of 1)", "rigid (3 of 3)"]
    assert found["unclean election"]["items"] == ["unclean"]
    tight = found["can't lose one broker"]
    assert tight["verdict"] == "fail"
    assert {"alone-0 (1 in sync, 2 needed)", "rigid-0 (3 in sync, 3 needed)"} <= set(tight["items"])
    assert not [each for each in tight["items"] if each.startswith("slack")]
    assert "alone-0" in found["under min ISR"]["items"]

    brokers.kill("kafka-3")
    brokers.kill("controller-3")
    late = eventually(lambda: missed(brokers), seconds=60)
    assert late["controllers"]["items"] == ["103"]
    assert late["can't lose one controller"]["verdict"] == "fail"
    assert "start controller 103" in late["can't lose one controller"]["fix"]
    assert late["under-replicated"]["verdict"] == "warn"
    assert {f"slack-{n} (2 in sync, 2 needed)" for n in range(3)} <= set(late["can't lose one broker"]["items"])
    assert "start the missing brokers" in late["can't lose one broker"]["fix"]
    assert "rigid-0" in late["under min ISR"]["items"]


def test_certificates_are_looked_at_before_they_expire_and_after(secure: Secure) -> None:
    def found(*options: str, listener: str = "SASL_SSL") -> dict[str, dict[str, Any]]:
        told = secure.environment("admin", ADMIN, KAFKA_BOOTSTRAP_SERVERS=secure.address(listener))
        done = run(".venv/bin/headrace", "cluster", "check", *options, **told)
        assert ADMIN not in done.stdout + done.stderr
        return {each["check"]: each for each in json.loads(done.stdout)["findings"]}

    soon = found()["certificates"]
    assert (soon["verdict"], len(soon["items"])) == ("fail", 2)
    assert f"{secure.address()} (4 days left)" in soon["items"]
    assert found("--expiry-days=1")["certificates"]["verdict"] == "ok"
    assert found()["controllers"]["verdict"] == "ok"  # kafka-python speaks SASL_SSL too
    expired = found(listener="EXPIRED")
    assert expired["reachable"]["verdict"] == "fail"
    assert f"{secure.address('EXPIRED')} (expired 1 days ago)" in expired["certificates"]["items"]
