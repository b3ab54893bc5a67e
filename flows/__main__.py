"""Serve every pipeline, the health check and backfills as deployments of this machine: `python -m flows`."""

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment

from flows import pipelines
from flows.health import SCHEDULE

if __name__ == "__main__":
    names = [name for name, found in vars(pipelines).items() if isinstance(found, Flow)]
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    serve(
        *(RunnerDeployment.from_entrypoint(f"flows/pipelines.py:{name}", name="local") for name in names),
        # Two looks at once would tell the same news twice.
        RunnerDeployment.from_entrypoint("flows/health.py:check", name="local", cron=SCHEDULE, concurrency_limit=one),
        RunnerDeployment.from_entrypoint("flows/backfill/flow.py:backfill", name="local"),
    )
