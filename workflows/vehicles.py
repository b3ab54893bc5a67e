"""A producer -> Kafka -> tables: what electric vehicles report, by type and day."""

from hera.workflows import DAG, Parameter

from jobs import bronze, cluster, gold, ledger, rabbit, replay, silver, topics
from workflows.service import service
from workflows.step import chain, cron, pipeline, step

with (
    pipeline(
        "vehicles",
        [
            Parameter(name="topic", value="vehicles-events", description="Where the events are."),
            Parameter(
                name="count",
                value="100000",
                description="How many events the producer sends in all; 0 is none, when others send them.",
            ),
            Parameter(name="seed", value="1", description="Which events: the same seed is the same events."),
            Parameter(name="rate", value="0", description="Events a second; 0 is as fast as possible."),
            Parameter(name="burst_prob", value="0", description="How likely each event begins a burst, 0 to 1."),
            Parameter(name="burst_power", value="1.5", description="Pareto's exponent of a burst's size, 1.1 or more."),
        ],
    ) as workflow,
    DAG(name="main"),
):
    topic = "{{workflow.parameters.topic}}"
    shape = ("count", "seed", "rate", "burst_prob", "burst_power")
    given = {name: f"{{{{workflow.parameters.{name}}}}}" for name in shape}

    check = step(cluster.check, every="1h", reads=topic)
    declare = step(topics.apply, file="vehicles/topics.yaml")
    send = step(replay.send, dataset="vehicles", topic=topic, **given)
    load = step(bronze.load, topic=topic)
    clean = step(silver.clean, topic=topic, dataset="vehicles")
    build = step(gold.build, topic=topic, dataset="vehicles")
    verify = step(ledger.verify, topic=topic, dataset="vehicles")

    chain(check, declare, send, load, clean, build, verify)

schedule = cron(workflow, "30 * * * *")

services = {
    # A worker holds three batches at most, and what it does not hold another one can take (k8s/operators/keda).
    "drain": service(rabbit.drain, "drain", queue="vehicles", batch=500, parallel=2),
}
