"""The story of a run: one line a fact, on stderr."""

import json
import logging
import os
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, run, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "run": os.environ.get("HEADRACE_RUN"),
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in said.items() if value is not None})


def configure() -> None:
    """Log to stderr from `LOG_LEVEL` up (default INFO), as text or with `LOG_FORMAT=json` as JSON.

    A process that already logs somewhere is left alone.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter()
        if os.environ.get("LOG_FORMAT") == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    )
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO").upper(), handlers=[handler])
    for chatty in ("httpx", "httpcore", "botocore", "py4j", "pymongo", "pyspark"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # what it calls an error, a job tries again or says itself
