"""Some windows of a dataset again, in the layers that are asked for: one window of a backfill."""

from hera.workflows import DAG, Parameter

from jobs import bronze, gold, ledger, silver
from workflows.step import chain, pipeline, step


def _layer(name: str, does: str) -> Parameter:
    return Parameter(name=name, value="no", enum=["yes", "no"], description=does)


with (
    pipeline(
        "redo",
        [
            Parameter(name="topic", description="Which topic's tables."),
            Parameter(name="dataset", description="Whose rules."),
            Parameter(name="offsets", value="", description="The windows, as 0:10-20,1:5-9."),
            Parameter(name="why", value="", description="Why they are done again."),
            Parameter(name="once", value="", description="What the ledgers call this: under one name it is done once."),
            _layer("bronze", "Load what bronze lacks of the windows."),
            _layer("silver", "Clean the windows again."),
            _layer("gold", "Build the periods of the windows again, or without windows those that changed."),
            _layer("verify", "Prove that the ledgers add up."),
        ],
    ) as workflow,
    DAG(name="main"),
):
    topic, dataset = "{{workflow.parameters.topic}}", "{{workflow.parameters.dataset}}"
    offsets = "{{workflow.parameters.offsets}}"
    said = {"why": "{{workflow.parameters.why}}", "once": "{{workflow.parameters.once}}"}

    load = step(bronze.load, topic=topic, offsets=offsets, on_expired="clip")
    clean = step(silver.clean, topic=topic, dataset=dataset, redo=offsets, **said)
    build = step(gold.build, topic=topic, dataset=dataset, redo=offsets, **said)
    verify = step(ledger.verify, topic=topic, dataset=dataset)
    for layer, task in {"bronze": load, "silver": clean, "gold": build, "verify": verify}.items():
        task.when = f"{{{{workflow.parameters.{layer}}}}} == yes"

    chain(load, clean, build, verify)
