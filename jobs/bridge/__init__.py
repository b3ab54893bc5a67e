"""The HTTP bridge: Kafka for clients that do not speak its protocol, with the HTTP API of Strimzi's Kafka Bridge."""

from threading import Event

from jobs import keys, web
from jobs.errors import UsageError
from jobs.job import job


@job("jobs", cpu="500m", memory="512Mi", minutes=24 * 60, needs=("kafka",))
def serve(
    *,
    port: int = 8080,
    host: str = "127.0.0.1",
    exposed: bool = False,
    max_body: int = 10_485_760,
    max_records: int = 500,
    max_consumers: int = 50,
    idle: int = 300,
) -> None:
    """Serve the HTTP API of Strimzi's Kafka Bridge, until told to end.

    Who may ask is said by the keys of `KEYS_FILE` and `KEYS_SHA256` (`headrace keys make`). Without any, everybody may,
    but then it listens on this machine alone.

    Args:
        port: Where to listen; 0 is a free port, which the log says.
        host: The address to listen on; 0.0.0.0 in a pod.
        exposed: Let everybody who reaches the address use it, without a key.
        max_body: How large a request may be, in bytes.
        max_records: How many records one answer may hold.
        max_consumers: How many consumers there may be at once.
        idle: After how long without a request a consumer is closed, in seconds.

    Raises:
        UsageError: A limit is none, or everybody could use it and nobody said so.
        JobError: The port is taken, the keys cannot be read, or Kafka cannot be reached.
    """
    if min(max_body, max_records, max_consumers, idle) < 1:
        raise UsageError("--max-body, --max-records, --max-consumers and --idle are from 1")
    known = keys.load()
    asks = bool(len(known))
    # Imported here: 0.3 s, which other commands need not wait for.
    from jobs.bridge import app, starting  # noqa: PLC0415

    ended = Event()
    bridge = starting.bridge(
        known if asks else None,
        ended,
        max_body=max_body,
        max_records=max_records,
        max_consumers=max_consumers,
        idle=idle,
    )
    web.serve(
        app.application(bridge),
        host,
        port,
        what="the HTTP bridge",
        authenticated=asks,
        exposed=exposed,
        ended=ended,
    )
