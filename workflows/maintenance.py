"""The tables' upkeep: small files put together, replaced ones deleted once nobody reads them."""

from hera.workflows import DAG, Parameter

from jobs import tables
from workflows.step import chain, cron, pipeline, step

with (
    pipeline(
        "maintenance",
        [
            Parameter(
                name="topics",
                value='["messages", "vehicles-events", "demo", "transactions"]',
                description="The topics whose tables are looked after, as a JSON list.",
            ),
            Parameter(
                name="keep",
                value="",
                description="How long replaced files stay for readers and time travel; empty: as before, at first 7d.",
            ),
        ],
    ) as workflow,
    DAG(name="main"),
):
    compact = step(tables.compact, topic="{{item}}")
    vacuum = step(tables.vacuum, topic="{{item}}", keep="{{workflow.parameters.keep}}")
    compact.with_param = vacuum.with_param = "{{workflow.parameters.topics}}"

    chain(compact, vacuum)

schedule = cron(workflow, "30 3 * * *")
