"""A producer with bursts -> Kafka -> a random forest that tells attacks, live -> how right it was."""

from hera.workflows import DAG, Parameter

from jobs import cluster, forest, replay, topics
from workflows.step import chain, cron, pipeline, step

with (
    pipeline(
        "intrusions",
        [
            Parameter(name="topic", value="demo", description="Where the connections are."),
            Parameter(name="alerts", value="alerts", description="Where alerts go."),
            Parameter(
                name="count",
                value="100000",
                description="How many connections the producer sends in all; 0 is none, when others send them.",
            ),
            Parameter(name="seed", value="1", description="Which connections: the same seed is the same ones."),
            Parameter(name="rate", value="5000", description="Connections a second; 0 is as fast as possible."),
            Parameter(name="burst_prob", value="0.001", description="How likely each begins a burst, 0 to 1."),
            Parameter(name="burst_power", value="1.2", description="Pareto's exponent of a burst's size, 1.1 or more."),
            Parameter(
                name="data",
                value="",
                description="A file in NSL-KDD's format to train with, where the steps see it; empty: generated ones.",
            ),
            Parameter(name="generated", value="20000", description="How many are generated for that."),
            Parameter(name="max_age", value="7d", description="A model that is older is stale: it is trained again."),
            Parameter(name="idle", value="30", description="Scoring ends when nothing came for so many seconds."),
        ],
    ) as workflow,
    DAG(name="main"),
):
    given = {
        name: f"{{{{workflow.parameters.{name}}}}}"
        for name in ("topic", "alerts", "count", "seed", "rate", "burst_prob", "burst_power", "data", "generated")
    }
    topic, idle = given["topic"], "{{workflow.parameters.idle}}"
    shape = ("count", "seed", "rate", "burst_prob", "burst_power")

    check = step(cluster.check, every="1h", reads=topic)
    declare = step(topics.apply, file="intrusions/topics.yaml")
    train = step(
        forest.train, data=given["data"], generated=given["generated"], max_age="{{workflow.parameters.max_age}}"
    )
    send = step(replay.send, dataset="connections", topic=topic, **{name: given[name] for name in shape})
    score = step(forest.score, topic=topic, alerts=given["alerts"], idle=idle)
    evaluate = step(forest.evaluate, topic=topic)

    chain(check, declare, train)
    for each in (send, score):
        chain(train, each, evaluate)

schedule = cron(workflow, "15 2 * * *")
