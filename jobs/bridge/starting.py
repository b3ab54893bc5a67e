"""A bridge, put together."""

from importlib.metadata import PackageNotFoundError, version
from threading import Event

from jobs.bridge import openapi
from jobs.bridge.bridge import Bridge
from jobs.bridge.consumers import Consumers
from jobs.bridge.metrics import Metrics
from jobs.bridge.producing import Producing
from jobs.bridge.topics import Topics
from jobs.keys import Keys


def bridge(
    keys: Keys | None, ended: Event, *, max_body: int, max_records: int, max_consumers: int, idle: int
) -> Bridge:
    """A bridge that has reached the cluster; what the limits mean is said at `bridge serve`.

    Raises:
        JobError: The cluster cannot be reached.
    """
    try:
        number = version("headrace")
    except PackageNotFoundError:  # an image holds the folders, not the package
        number = "0"
    metrics = Metrics()
    topics = Topics()
    return Bridge(
        topics=topics,
        producing=Producing(metrics),
        consumers=Consumers(max_consumers, idle, metrics, ended),
        metrics=metrics,
        keys=keys,
        ended=ended,
        version=number,
        document=openapi.document(number),
        max_body=max_body,
        max_records=max_records,
    )
