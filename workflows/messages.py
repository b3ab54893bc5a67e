"""Telegram -> Kafka -> tables -> SQS: the raw stream by connectors, the results by an exporter."""

from hera.workflows import DAG, Parameter

from jobs import bronze, cluster, connectors, gold, ledger, silver, sqs, topics
from workflows.step import chain, cron, pipeline, step

with (
    pipeline(
        "messages",
        [
            Parameter(name="topic", value="messages", description="Where the messages are."),
            Parameter(name="queue", value="messages-gold", description="Where results go."),
            Parameter(
                name="at_least",
                value="0",
                description="Wait until the topic holds this many records before reading it.",
            ),
            Parameter(
                name="max_dead_letters",
                value="-1",
                description="End with status 5 when silver has more dead letters in this run; -1 is no limit.",
            ),
        ],
    ) as workflow,
    DAG(name="main"),
):
    topic = "{{workflow.parameters.topic}}"
    queue = "{{workflow.parameters.queue}}"

    check = step(cluster.check, every="1h", reads=topic)
    declare = step(topics.apply, file="messages/topics.yaml")
    connect = step(connectors.apply, file="messages/connectors.yaml")
    load = step(bronze.load, topic=topic, at_least="{{workflow.parameters.at_least}}")
    clean = step(
        silver.clean,
        topic=topic,
        dataset="messages",
        max_dead_letters="{{workflow.parameters.max_dead_letters}}",
    )
    build = step(gold.build, topic=topic, dataset="messages")
    export = step(sqs.export, table=f"gold/{topic}", queue=queue, create=True)
    verify = step(ledger.verify, topic=topic, dataset="messages", queue=queue)

    chain(check, declare, connect, load, clean, build, export, verify)

schedule = cron(workflow, "0 * * * *")
