"""The story of a run: one line a fact, on stderr."""

import logging
import os


def configure() -> None:
    """Log to stderr from `LOG_LEVEL` up (default INFO), unless the process already logs somewhere."""
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO").upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    for chatty in ("httpx", "httpcore", "botocore", "py4j", "pyspark"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
