"""The Kafka cluster as a whole: whether a pipeline may start."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from confluent_kafka.admin import AdminClient

from jobs import findings, kafka, settings
from jobs.cluster import actual, health, machines, posture
from jobs.cluster.canary import fly
from jobs.errors import JobError, UnhealthyError
from jobs.findings import Finding, Report
from jobs.job import job
from jobs.kafka.wire import wire
from jobs.times import seconds


@job("jobs", memory="128Mi", retries=3, minutes=5, needs=("kafka",))
def check(
    *,
    cluster_id: str = "",
    brokers: int = 1,
    canary: int = 0,
    every: str = "",
    reads: str = "",
    expiry_days: int = 30,
) -> Report:
    """Fail unless the cluster can be reached, is the right one, can carry data now, and is set to keep it.

    Args:
        cluster_id: The id that the cluster must have; any when empty.
        brokers: How many brokers must be up. From 3 on, the cluster must also be able to lose any one of them;
            below, as on a laptop, that it can't is only a warning.
        canary: Produce this many records to the topic `headrace.canary` (made when it is missing), and read them back.
        every: How often a schedule reads the topics, such as 1h: retention that is shorter is a failure.
        reads: The topics that it reads, separated by commas; all but internal ones when empty.
        expiry_days: Warn of certificates that expire within this many days; within 7 it is a failure.

    Raises:
        UsageError: `every` is no time.
        UnhealthyError: A check failed; the report says which, why, and what mends it.
    """
    schedule = seconds(every), [each.strip() for each in reads.split(",") if each.strip()]
    report = findings.report(look(cluster_id, brokers, canary, schedule, expiry_days))
    if report.failed:
        said = "; ".join(f"{each.check}: {each.detail}" for each in report.failed)
        raise UnhealthyError(f"the cluster is unhealthy: {said}", hint=report.failed[0].fix, result=report)
    return report


def look(
    cluster_id: str, least: int, records: int, schedule: tuple[float, list[str]], expiry_days: int
) -> Iterator[Finding]:
    """Every finding, the first of which is whether there is a cluster at all."""
    said = settings.load(settings.Kafka)
    try:
        client = kafka.admin()
    except JobError as error:
        yield Finding("reachable", "fail", str(error), error.hint or kafka.HINT)
        # Why it can't be used may be that a certificate has expired, which a client's error says less plainly.
        yield from _certificates(map(_address, said.bootstrap_servers.split(",")), expiry_days)
        return
    try:
        cluster = kafka.answer(client.describe_cluster(request_timeout=kafka.REQUEST), "describe the cluster")
    except JobError as error:  # brokers answer, but no controller: an election, or a majority of them is gone
        yield Finding("controllers", "fail", str(error), "start the missing controllers")
        return
    up = sorted(node.id for node in cluster.nodes)
    yield Finding("reachable", "ok", f"through {said.bootstrap_servers}")
    yield health.identity(cluster.cluster_id or "", cluster_id)
    yield health.brokers(up, least)
    yield from _guarded("controllers, disks", lambda: _inside(up, least))
    yield from _guarded("topics", lambda: _topics(client, up, least, schedule))
    yield from _certificates([(str(node.host), int(node.port)) for node in cluster.nodes], expiry_days)
    if records:
        yield fly(client, records, len(up)).finding()


def _inside(up: list[int], least: int) -> Iterator[Finding]:
    with wire() as client:
        yield from health.quorum(*actual.quorum(client), least)
        yield from machines.disks(actual.disks(client))
        found, level = actual.versions(client, up)
        yield machines.versions(found, importlib.metadata.version("confluent-kafka"), level)


def _topics(client: AdminClient, up: list[int], least: int, schedule: tuple[float, list[str]]) -> Iterator[Finding]:
    topics, partitions = actual.topics(client)
    yield from health.partitions(partitions, least)
    every, reads = schedule
    yield from posture.audit(topics, actual.brokers(client, up), least=least, every=every, reads=reads)


def _certificates(addresses: Iterable[tuple[str, int]], days: int) -> Iterator[Finding]:
    said = settings.load(settings.Kafka).librdkafka()
    if found := list(actual.certificates(said, addresses)):
        yield machines.certificates(found, datetime.now(UTC), days)


def _guarded(what: str, looking: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What is found, or that this principal may not look there: a check with fewer rights still has a verdict."""
    try:
        yield from looking()
    except JobError as error:
        yield Finding(what, "warn", f"could not be looked at: {error}", "headrace access plan")


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.strip().rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port or 9092)
