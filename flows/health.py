"""Health on a schedule: the same look as `headrace health check`, with its history, and one alert a problem."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from prefect import flow, get_run_logger, task
from prefect.artifacts import Artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed, Failed

from jobs import health, settings
from jobs.errors import UnhealthyError
from jobs.findings import Finding, Report

SCHEDULE = "*/5 * * * *"

LEVELS = {"warn": logging.WARNING, "fail": logging.ERROR}


@dataclass(frozen=True)
class News:
    """One problem that is new, has become another, or is gone; None where there was, or is, none.

    Args:
        check: Its name.
        before: Its verdict at the last look.
        now: What was found.
    """

    check: str
    before: str | None
    now: Finding | None

    @property
    def event(self) -> str:
        """The event's name."""
        return f"headrace.problem.{'gone' if self.now is None else 'appeared' if self.before is None else 'changed'}"


def news(before: Mapping[str, str], report: Report) -> list[News]:
    """What differs from the last look; a problem that is still there is no news, whatever its figures.

    Args:
        before: The verdict of each problem at the last look.
        report: What was found now.
    """
    problems = {each.check: each for each in report.findings if each.verdict != "ok"}
    changed = [
        News(name, before.get(name), each) for name, each in problems.items() if before.get(name) != each.verdict
    ]
    return changed + [News(name, verdict, None) for name, verdict in before.items() if name not in problems]


@flow(name="health", log_prints=False)
def check(
    *,
    cluster_id: str = "",
    brokers: int = 1,
    every: str = "1h",
    margin: str = "1h",
    max_age: str = "",
    connect: bool = True,
    repair: bool = True,
    name: str = "health",
) -> State[Any]:
    """Look at the cluster, the connectors and the consumer groups; restart what may be restarted; tell what is new.

    Args:
        cluster_id: The id that the cluster must have; any when empty.
        brokers: How many brokers must be up; from 3 on, the cluster must be able to lose one.
        every: How often the topics are read: retention that is shorter is a failure.
        margin: Fail when less than this is left until unread records are lost.
        max_age: Fail when the oldest unread record is older than this; any age when empty.
        connect: Look at Kafka Connect too.
        repair: Restart the connectors and tasks that failed, by the rule of `connectors restart`.
        name: The artifact whose versions are the history, and whose last one says which problems are known already:
            another for each cluster. Small letters, digits and dashes.
    """
    settings.load_dotenv_file()
    report = look(
        cluster_id=cluster_id,
        brokers=brokers,
        every=every,
        margin=margin,
        max_age=max_age,
        connect=connect,
        repair=repair,
    )
    told = tell(report, name)
    said = f"{report.verdict}: {len(report.failed)} failed, {told} news"
    return Failed(message=said) if report.failed else Completed(message=said)


@task(name="health-check")
def look(**options: Any) -> Report:
    """What `headrace health check` finds with these options, also when that is bad."""
    try:
        return health.check(**options)
    except UnhealthyError as error:
        if isinstance(error.result, Report):
            return error.result
        raise


@task(name="health-tell", retries=3, retry_delay_seconds=5)
def tell(report: Report, name: str) -> int:
    """Emit an event for each piece of news, then keep the report as an artifact; how many news there were."""
    found = news(known(name), report)
    for each in found:
        announce(each)
    create_table_artifact(key=name, table=[asdict(each) for each in report.findings], description=summary(report))
    return len(found)


def known(name: str) -> dict[str, str]:
    """The verdict of each problem at the last look, by its name; none if there was none."""
    last = cast("Artifact | None", Artifact.get(name))
    rows: list[dict[str, Any]] = json.loads(str(last.data)) if last else []
    return {row["check"]: row["verdict"] for row in rows if row["verdict"] != "ok"}


def announce(new: News) -> None:
    """One event, on which an automation can act, and one line in the log."""
    payload = {"check": new.check, "before": new.before or "ok", "verdict": "ok", "detail": "", "fix": ""}
    if new.now:
        payload |= {"verdict": new.now.verdict, "detail": new.now.detail, "fix": new.now.fix}
    identity = f"headrace.problem.{re.sub(r'[^a-z0-9.]+', '-', new.check.lower()).strip('-')}"
    emit_event(
        event=new.event, resource={"prefect.resource.id": identity, "prefect.resource.name": new.check}, payload=payload
    )
    if new.now:
        get_run_logger().log(LEVELS[new.now.verdict], "%s: %s; next: %s", new.check, new.now.detail, new.now.fix)
    else:
        get_run_logger().info("%s: well again", new.check)


def summary(report: Report) -> str:
    """The verdict, and what is not ok, in Markdown."""
    bad = [f"* **{each.verdict}** {each.check}: {each.detail}" for each in report.findings if each.verdict != "ok"]
    return "\n".join([f"**{report.verdict}**", "", *bad])


if __name__ == "__main__":
    check()
