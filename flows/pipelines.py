"""Every workflow as a flow: what `headrace run` and the deployments in Prefect's UI run."""

from flows.local import as_flow
from workflows import messages as _messages

messages = as_flow(_messages.workflow)
