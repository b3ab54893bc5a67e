"""Every workflow as a flow of its name: what `headrace run` and the deployments in Prefect's UI run."""

from flows.local import as_flow
from workflows.__main__ import templates

globals().update({name: as_flow(template) for name, template in templates().items()})
