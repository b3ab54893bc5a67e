"""The Kafka cluster as a whole: whether a pipeline may start."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Iterator

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from jobs import kafka, settings
from jobs.cluster import health
from jobs.cluster.canary import fly
from jobs.cluster.health import Finding, Partition, Report
from jobs.errors import JobError, UnhealthyError
from jobs.job import job


@job("jobs", memory="128Mi", retries=3, minutes=5, needs=("kafka",))
def check(*, cluster_id: str = "", brokers: int = 1, canary: int = 0) -> Report:
    """Fail unless the cluster can be reached, is the right one, and can carry data now.

    Args:
        cluster_id: The id that the cluster must have; any when empty.
        brokers: How many brokers must be up. From 3 on, the cluster must also be able to lose any one of them;
            below, as on a laptop, that it can't is only a warning.
        canary: Produce this many records to the topic `headrace.canary` (made when it is missing), and read them back.

    Raises:
        UnhealthyError: A check failed; the report says which, why, and what mends it.
    """
    settings.load(settings.Kafka)
    try:
        client = kafka.admin()
    except JobError as error:
        findings = [Finding("reachable", "fail", str(error), kafka.HINT)]
    else:
        findings = list(_findings(client, cluster_id, brokers, canary))
    report = Report(tuple(findings))
    if report.failed:
        said = "; ".join(f"{each.check}: {each.detail}" for each in report.failed)
        raise UnhealthyError(f"the cluster is unhealthy: {said}", hint=report.failed[0].fix, result=report)
    return report


def _findings(client: AdminClient, cluster_id: str, brokers: int, records: int) -> Iterator[Finding]:
    cluster = kafka.answer(client.describe_cluster(request_timeout=kafka.REQUEST), "describe the cluster")
    up = sorted(node.id for node in cluster.nodes)
    yield Finding("reachable", "ok", f"through {settings.load(settings.Kafka).bootstrap_servers}")
    yield health.identity(cluster.cluster_id or "", cluster_id)
    yield health.brokers(up, brokers)
    yield from health.partitions(_partitions(client), brokers)
    if records:
        yield fly(client, records, len(up)).finding()


def _partitions(client: AdminClient) -> list[Partition]:
    topics = client.list_topics(timeout=kafka.REQUEST).topics
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    configs = client.describe_configs(resources, request_timeout=kafka.REQUEST) if resources else {}
    least: dict[str, int] = {}
    for resource, future in configs.items():
        found = kafka.answer(future, f"read the settings of topic {resource.name}")
        least[resource.name] = int(found["min.insync.replicas"].value)
    return [
        Partition(f"{name}-{number}", each.leader, tuple(each.replicas), tuple(each.isrs), least[name])
        for name, topic in sorted(topics.items())
        for number, each in sorted(topic.partitions.items())
    ]
