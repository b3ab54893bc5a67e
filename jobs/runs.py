"""Runs of workflows."""

import json
import logging
from dataclasses import dataclass

from pydantic import BaseModel, TypeAdapter

from jobs.job import job


class Failure(BaseModel):
    """One failed step, as far as the report needs it."""

    displayName: str  # noqa: N815  # Argo's name
    message: str = ""


FAILURES = TypeAdapter(list[Failure] | None)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """How a run ended, and the steps that failed with what they said."""

    workflow: str
    status: str
    failures: dict[str, str]


@job("jobs", memory="128Mi", retries=1, minutes=5)
def report(workflow: str, status: str, failures: str = '"[]"') -> Report:
    """Say how a run ended; every workflow calls it last, also when it failed.

    Args:
        workflow: The name of the run.
        status: Succeeded, Failed or Error.
        failures: The failed steps as Argo writes them into `workflow.failures`: a JSON string that holds
            null or a JSON list of objects with `displayName` and `message`.
    """
    failed = {each.displayName: each.message for each in FAILURES.validate_json(json.loads(failures)) or []}
    for name, message in failed.items():
        log.error("%s: %s failed: %s", workflow, name, message)
    log.info("%s ended as %s", workflow, status)
    return Report(workflow, status, failed)
