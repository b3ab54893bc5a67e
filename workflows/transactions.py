"""Payments -> tables, each night: by day, merchant and currency. What counts them as they come is `stream consume`."""

from hera.workflows import DAG, Parameter

from jobs import bronze, cluster, gold, ledger, replay, silver, stream, topics
from workflows.service import config, service
from workflows.step import chain, cron, pipeline, step

with (
    pipeline(
        "transactions",
        [Parameter(name="topic", value="transactions", description="Where the payments are.")],
    ) as workflow,
    DAG(name="main"),
):
    topic = "{{workflow.parameters.topic}}"

    check = step(cluster.check, every="1h", reads=topic)
    declare = step(topics.apply, file="transactions/topics.yaml")
    load = step(bronze.load, topic=topic)
    clean = step(silver.clean, topic=topic, dataset="transactions")
    build = step(gold.build, topic=topic, dataset="transactions")
    verify = step(ledger.verify, topic=topic, dataset="transactions")

    chain(check, declare, load, clean, build, verify)

schedule = cron(workflow, "15 1 * * *")

ENDLESS = 1_000_000_000
"""Three years of ten a second."""

services = {
    "config": config("transactions", KAFKA_BOOTSTRAP_SERVERS="kafka:9092", KAFKA_TOPIC="transactions", MSG_RATE="10"),
    # One: two would send everything twice, which those who count tell apart by the id.
    "producer": service(
        replay.send,
        "transactions-producer",
        config="transactions",
        replicas=1,
        alone=True,
        dataset="transactions",
        count=ENDLESS,
    ),
    "consumer": service(stream.consume, "transactions-consumer", config="transactions", replicas=2),
}
