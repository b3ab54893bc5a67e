"""`headrace report PIPELINE`: what a pipeline has done, as one page that needs nothing else."""

import logging
from dataclasses import dataclass
from pathlib import Path

from jobs import datasets, settings
from jobs.errors import JobError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """The page.

    Args:
        file: Where it is.
        size: How many bytes it has.
        counts: Records or rows by layer.
        behind: Offsets that the topic has and bronze has not.
        runs: How many runs it shows.
    """

    file: str
    size: int
    counts: dict[str, int]
    behind: int
    runs: int


def report(pipeline: datasets.Name, *, topic: str = "", file: Path = Path("report.html")) -> Written:
    """Write one HTML page: counts of every layer, lag, windows, gold, dead letters and the last runs.

    Args:
        pipeline: Whose tables.
        topic: The topic that they are named for; by default the pipeline's own.
        file: Where to write the page; it needs no network and no other file.
    """
    from flows.report import page  # noqa: PLC0415 - Spark is imported only by those who ask for a report
    from flows.report.found import look  # noqa: PLC0415

    topic = topic or TOPICS[pipeline]
    settings.load(settings.Kafka)
    found = look(pipeline, topic)
    html = page.render(found)
    try:
        file.write_text(html, encoding="utf-8")
    except OSError as error:
        raise JobError(f"{file}: {error.strerror}", hint="--file=PATH, in a folder that is there") from error
    log.info("open %s in a browser", file.absolute().as_uri())
    return Written(str(file), len(html.encode()), found.counts, found.behind, len(found.runs))


TOPICS: dict[datasets.Name, str] = {
    "messages": "messages",
    "vehicles": "vehicles-events",
    "connections": "demo",
    "transactions": "transactions",
}
