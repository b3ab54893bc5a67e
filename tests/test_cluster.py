"""What a cluster's state comes to."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs import times
from jobs.cluster import health, machines, posture
from jobs.cluster.health import Canary, Member, Partition, percentile
from jobs.cluster.machines import Certificate, Disk
from jobs.cluster.posture import Topic
from jobs.findings import Finding, report


def verdicts(*partitions: Partition, least: int = 3) -> dict[str, str]:
    return {each.check: each.verdict for each in health.partitions(partitions, least)}


def partition(isr: tuple[int, ...], min_isr: int = 2, leader: int = 1) -> Partition:
    return Partition("t-0", leader, (1, 2, 3), isr, min_isr)


@pytest.mark.parametrize(
    "given, offline, under, below, loses",
    [
        (partition((1, 2, 3)), "ok", "ok", "ok", "ok"),
        (partition((1, 2)), "ok", "warn", "ok", "fail"),
        (partition((1,)), "ok", "warn", "fail", "fail"),
        (partition((), leader=-1), "fail", "warn", "fail", "fail"),
    ],
)
def test_partitions_are_judged_by_their_slack(
    given: Partition, offline: str, under: str, below: str, loses: str
) -> None:
    assert list(verdicts(given).values()) == [offline, under, below, loses]


def test_a_laptop_may_be_unable_to_lose_its_only_broker() -> None:
    alone = Partition("t-0", 1, (1,), (1,), 1)
    assert verdicts(alone, least=1)["can't lose one broker"] == "warn"
    assert verdicts(alone, least=3)["can't lose one broker"] == "fail"


def test_the_partitions_at_fault_are_named() -> None:
    many = [Partition(f"t-{n}", -1, (1,), (), 1) for n in range(7)]
    found = health.partitions(many, 1)[0]
    assert found.detail == "7 of 7 partitions: t-0, t-1, t-2, t-3, t-4, ..."
    assert found.items == tuple(f"t-{n}" for n in range(7))
    assert found.fix


def test_a_partition_without_slack_is_named_with_what_it_has_and_needs() -> None:
    found = health.partitions([partition((1, 2, 3)), Partition("_b-0", 1, (1, 2), (1, 2), 2), partition((1, 2))], 3)[3]
    assert found.items == ("t-0 (2 in sync, 2 needed)", "_b-0 (2 in sync, 2 needed)")
    assert "start the missing brokers" in found.fix
    whole = health.partitions([Partition("b-0", 1, (1, 2), (1, 2), 2)], 3)[3]
    assert "replication_factor" in whole.fix


def voter(node: int, age: int | None = 0, lag: int = 0) -> Member:
    return Member(node, lag, age)


@pytest.mark.parametrize(
    "leader, voters, agree, lose",
    [
        (1, [voter(1)], "ok", None),
        (101, [voter(101), voter(102, 300, 4), voter(103)], "ok", "ok"),
        (101, [voter(101), voter(102), voter(103, 60_000, 900)], "warn", "fail"),
        (101, [voter(101), voter(102, None), voter(103, 60_000)], "fail", "fail"),
        (-1, [voter(101), voter(102), voter(103)], "fail", "ok"),
    ],
)
def test_a_quorum_is_judged_by_who_has_caught_up(
    leader: int, voters: list[Member], agree: str, lose: str | None
) -> None:
    least = 1 if len(voters) == 1 else 3
    found = {each.check: each.verdict for each in health.quorum(leader, voters, [], least)}
    assert (found["controllers"], found.get("can't lose one controller")) == (agree, lose)


def test_the_late_controller_and_the_late_broker_are_named() -> None:
    controllers, _, brokers = health.quorum(101, [voter(101), voter(102, 60_000, 9)], [voter(1), voter(2, None, 7)], 3)
    assert controllers.items == ("102",)
    assert "lag 9 records" in controllers.detail
    assert (brokers.verdict, brokers.items) == ("warn", ("2 (7 records)",))


def topic(name: str = "t", replicas: int = 3, **configs: str) -> Topic:
    defaults = {"min.insync.replicas": "2", "retention.ms": "604800000", "cleanup.policy": "delete"}
    return Topic(name, replicas, defaults | {key.replace("_", "."): value for key, value in configs.items()})


def audit(
    *topics: Topic, least: int = 3, every: str = "", reads: tuple[str, ...] = (), auto: str = "false"
) -> dict[str, Finding]:
    brokers = {1: {"auto.create.topics.enable": auto}}
    seconds = times.seconds(every)
    found = posture.audit(topics, brokers, least=least, every=seconds, reads=reads)
    return {each.check: each for each in found if each.verdict != "ok"}


@pytest.mark.parametrize(
    "given, check, verdict",
    [
        (topic(), None, "ok"),
        (topic(unclean_leader_election_enable="true"), "unclean election", "fail"),
        (topic(replicas=1, min_insync_replicas="1"), "one replica", "fail"),
        (topic(replicas=2), "min ISR too high", "fail"),
        (topic(min_insync_replicas="3"), "min ISR too high", "fail"),
        (topic(min_insync_replicas="1"), "min ISR too low", "warn"),
        (topic(retention_ms="3599999"), "retention", "fail"),
        (topic(retention_ms="7199999"), "retention", "warn"),
        (topic(retention_ms="7200000"), None, "ok"),
        (topic(retention_ms="1", cleanup_policy="compact"), None, "ok"),
        (topic(retention_ms="1", cleanup_policy="compact,delete"), "retention", "fail"),
        (topic(retention_ms="-1"), None, "ok"),
        (topic("_internal", retention_ms="1"), None, "ok"),
        (topic(posture.CANARY, replicas=1, min_insync_replicas="1", retention_ms="3600000"), None, "ok"),
    ],
)
def test_what_is_set_is_judged(given: Topic, check: str | None, verdict: str) -> None:
    found = audit(given, every="1h")
    assert {name: each.verdict for name, each in found.items()} == ({check: verdict} if check else {})
    assert all(each.fix for each in found.values())
    assert all(given.name in each.detail for each in found.values())


def test_a_laptops_single_replica_is_a_warning_and_auto_create_is_one_everywhere() -> None:
    assert audit(topic(replicas=1, min_insync_replicas="1"), least=1)["one replica"].verdict == "warn"
    assert audit(auto="true")["auto-create"].verdict == "warn"


def test_only_the_retention_of_what_a_schedule_reads_matters_and_it_may_not_be_there_yet() -> None:
    both = topic("a"), topic("b", retention_ms="1")
    assert "retention" not in audit(*both, every="1h", reads=("a", "c"))
    assert audit(*both, every="1h", reads=("b",))["retention"].items == ("b (0 s)",)


GIB = 2**30


@pytest.mark.parametrize(
    "disk, verdict, said",
    [
        (Disk(1, "/d", 100 * GIB, 60 * GIB, {"a": GIB, "b": 0}), "ok", "40 % of 100.0 GiB full, 60.0 GiB free"),
        (Disk(1, "/d", 100 * GIB, 15 * GIB, {"a": 3 * GIB, "b": 9 * GIB}), "warn", "(b 9.0 GiB, a 3.0 GiB)"),
        (Disk(1, "/d", 100 * GIB, 5 * GIB, {}), "fail", "95 %"),
        (Disk(1, "/d", -1, -1, {}), "ok", "does not say"),
        (Disk(1, "/d", -1, -1, {}, error=56), "fail", "/d cannot be used (error 56)"),
    ],
)
def test_disks_are_judged_by_how_full_they_are(disk: Disk, verdict: str, said: str) -> None:
    [found] = machines.disks([disk])
    assert (found.check, found.verdict) == ("disk of broker 1", verdict)
    assert said in found.detail


@pytest.mark.parametrize(
    "brokers, client, level, verdict, said",
    [
        ({1: "4.3"}, machines.CLIENT, (30, 30), "ok", "tested: 4.3"),
        ({1: "4.3", 2: "4.2"}, machines.CLIENT, (30, 30), "warn", "unfinished upgrade"),
        ({1: "3.9"}, machines.CLIENT, (21, 21), "warn", "not tested together"),
        ({1: "4.3"}, "1.0", (30, 30), "warn", "not tested together"),
        ({1: "4.3"}, machines.CLIENT, (25, 30), "warn", "metadata version 25 of 30"),
    ],
)
def test_versions(brokers: dict[int, str], client: str, level: tuple[int, int], verdict: str, said: str) -> None:
    found = machines.versions(brokers, client, level)
    assert found.verdict == verdict
    assert said in found.detail


@pytest.mark.parametrize(
    "days, verdict", [(400, "ok"), (30, "ok"), (29, "warn"), (7, "warn"), (6, "fail"), (-3, "fail"), (None, "warn")]
)
def test_certificates_are_judged_by_the_first_to_expire(days: int | None, verdict: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    mine = Certificate("b:9093", None, "refused") if days is None else Certificate("b:9093", now + timedelta(days))
    found = machines.certificates([mine, Certificate("ca.pem", now + timedelta(3650))], now, 30)
    assert found.verdict == verdict
    assert ("b:9093" in found.detail) is (verdict != "ok")


def test_a_report_is_as_bad_as_its_worst_finding() -> None:
    ok, warn, fail = Finding("a", "ok", "x"), Finding("b", "warn", "y", "do b"), Finding("c", "fail", "z", "do c")
    assert [report(each).verdict for each in ([], [ok], [ok, warn], [fail, ok, warn])] == ["ok", "ok", "warn", "fail"]
    text = report([ok, warn, fail]).text()
    assert "next: do b" in text
    assert text.endswith("1 ok, 1 warnings, 1 failed")


def test_another_cluster_is_noticed() -> None:
    assert health.identity("a", "").verdict == "ok"
    assert health.identity("a", "a").verdict == "ok"
    assert health.identity("a", "b").verdict == "fail"
    assert health.brokers([1, 2], 3).verdict == "fail"


@pytest.mark.parametrize("canary", [Canary(10, 9, 9, 0, 1, 2), Canary(10, 10, 9, 0, 1, 2), Canary(10, 10, 10, 1, 1, 2)])
def test_a_canary_fails_when_a_record_is_lost_or_doubled(canary: Canary) -> None:
    assert canary.finding().verdict == "fail"


def test_percentiles_are_of_the_nearest_rank() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert (percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([7.0], 0.99), percentile([], 0.5)) == (
        50,
        99,
        7,
        0,
    )
