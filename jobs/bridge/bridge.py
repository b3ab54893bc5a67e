"""What all requests share: the producer, the consumers, and how to end them."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Event

from jobs.bridge.consumers import Consumers
from jobs.bridge.metrics import Metrics
from jobs.bridge.producing import Producing
from jobs.bridge.topics import Topics
from jobs.keys import Keys

log = logging.getLogger(__name__)

LOOK = 0.1
"""How often it is looked whether the bridge is to end, in seconds."""

SWEEP = 0.5
"""How often idle consumers are looked for, in seconds."""

LAST = 3.0
"""How long after that the last records may take to be written, in seconds: less than `jobs.web.GRACE`."""


@dataclass
class Bridge:
    """A bridge at work.

    Args:
        topics: What there is.
        producing: What writes.
        consumers: What reads.
        metrics: What is counted.
        keys: Who may ask; everybody, when it is None.
        ended: Set when it is to end.
        version: Which bridge this is.
        document: Its OpenAPI document.
        max_body: How large a request's body may be, in bytes.
        max_records: How many records one answer may hold.
    """

    topics: Topics
    producing: Producing
    consumers: Consumers
    metrics: Metrics
    keys: Keys | None
    ended: Event
    version: str
    document: bytes
    max_body: int
    max_records: int

    @asynccontextmanager
    async def running(self, _: object) -> AsyncGenerator[None, None]:
        """Sweep while the server runs; when it ends, answer everybody, write what is left and leave the groups."""
        tasks = [asyncio.create_task(each()) for each in (self._sweep, self._end)]
        try:
            yield
        finally:
            for each in tasks:
                each.cancel()
            await self.consumers.close()
            await asyncio.to_thread(self.producing.close)

    async def _sweep(self) -> None:
        """Close idle consumers, again and again."""
        while True:
            await asyncio.sleep(SWEEP)
            await self.consumers.sweep()

    async def _end(self) -> None:
        """Once it is told to end, let nobody wait longer than the server does."""
        while not self.ended.is_set():
            await asyncio.sleep(LOOK)
        await asyncio.sleep(LAST)
        self.producing.give_up()
