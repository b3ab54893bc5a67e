"""Serve every pipeline as a deployment, so that Prefect's UI can start it: `python -m flows`."""

from prefect import Flow, serve
from prefect.deployments.runner import RunnerDeployment

from flows import pipelines

if __name__ == "__main__":
    names = [name for name, found in vars(pipelines).items() if isinstance(found, Flow)]
    serve(*(RunnerDeployment.from_entrypoint(f"flows/pipelines.py:{name}", name="local") for name in names))
