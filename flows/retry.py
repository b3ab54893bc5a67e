"""`headrace retry RUN`: what failed in a run and what follows it, once more."""

from flows.run import Result, perform, reach_prefect
from jobs.errors import JobError, UsageError
from jobs.kafka.who import is_alive


def retry(run: str) -> Result:
    """Run again what failed in a run on this machine, and what follows it; what succeeded is taken from its run.json.

    On a cluster Argo does that: `argo retry -n headrace RUN`.

    Args:
        run: The name of the run, as `headrace run` and Prefect's UI show it.
    """
    url = reach_prefect()
    from flows import record  # noqa: PLC0415  # Prefect reads the environment when imported
    from flows.local import as_flow, rendered  # noqa: PLC0415
    from workflows.__main__ import templates  # noqa: PLC0415

    before = record.read(run)
    start = f"headrace run {before.workflow}"
    start += "".join(f" --param {name}={value}" for name, value in before.parameters.items())
    if before.status == "Succeeded":
        raise UsageError(f"{run} succeeded: there is nothing to do again", hint=start)
    if before.status == "Running" and is_alive(before.by):
        raise JobError(f"{run} still runs: {before.by}", hint=f"wait for it, or end process {before.by.pid}")
    workflow = templates().get(before.workflow)
    if workflow is None or record.digest(rendered(workflow)) != before.digest:
        raise UsageError(f"the workflow {before.workflow} is another one since {run} was begun", hint=start)
    return perform(before.workflow, as_flow(workflow, before), before.parameters, url)
