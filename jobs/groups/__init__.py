"""Consumer groups: how far what reads a topic is behind."""

from jobs import findings
from jobs.errors import UnhealthyError
from jobs.groups import actual
from jobs.groups.lag import Lag, judge
from jobs.job import job
from jobs.times import seconds


@job("jobs", memory="128Mi", retries=2, minutes=5, needs=("kafka",))
def lag(group: str = "", *, topic: str = "", margin: str = "1h", max_age: str = "") -> list[Lag]:
    """Show how far each group is behind: in records, in seconds, and until the oldest unread record is deleted.

    Args:
        group: Only this group.
        topic: Only this topic.
        margin: Fail when less than this is left until unread records are lost, such as 1h.
        max_age: Fail when the oldest unread record is older than this, such as 15m; any age when empty.

    Raises:
        UsageError: `margin` or `max_age` is no time.
        UnhealthyError: A group has lost records unread, or is about to.
    """
    limits = seconds(margin), seconds(max_age)
    found = [each for each in actual.lags() if group in ("", each.group) and topic in ("", each.topic)]
    report = findings.report(judge(each, *limits) for each in found)
    if report.failed:
        said = "; ".join(f"{each.check}: {each.detail}" for each in report.failed)
        raise UnhealthyError(said, hint=report.failed[0].fix, result=found)
    return found
