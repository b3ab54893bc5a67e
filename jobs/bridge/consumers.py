"""The consumers of all clients: who may use which, one request at a time, and not for ever."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar
from uuid import uuid4

from jobs.bridge.bodies import NewConsumer
from jobs.bridge.consumer import Instance
from jobs.bridge.metrics import Metrics
from jobs.bridge.refusals import RefusedError, instance_missing

log = logging.getLogger(__name__)
R = TypeVar("R")

NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f/]{1,249}")
Key = tuple[str, str, str]
"""Whose it is, its group and its name: a client neither sees nor meets another's consumers."""


@dataclass
class Held:
    """A consumer, and when it was last asked for something."""

    instance: Instance | None = None
    """None while it is being made."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    used: float = field(default_factory=time.monotonic)
    waiting: int = 0
    gone: Event = field(default_factory=Event)
    """It is to be deleted: a request that waits for its records ends."""


class Consumers:
    """All of them.

    Args:
        most: How many there may be.
        idle: After how long without a request one is closed, in seconds.
        metrics: Where they are counted.
        ended: Set when the bridge is to end.
    """

    def __init__(self, most: int, idle: float, metrics: Metrics, ended: Event) -> None:
        self.most, self.idle, self.metrics, self.ended = most, idle, metrics, ended
        self.held: dict[Key, Held] = {}
        # One that waits for records holds its thread.
        self.threads = ThreadPoolExecutor(most + 4, thread_name_prefix="bridge-consumer")

    async def create(self, owner: str, group: str, wanted: NewConsumer) -> str:
        """Make a consumer; its name.

        Raises:
            RefusedError: 409, there is one of that name. 422, of its settings. 429, there are too many.
        """
        name = wanted.name or f"headrace-bridge-{uuid4()}"
        if not all(NAME.fullmatch(each) for each in (name, group)):
            raise RefusedError(422, "A name is printable, has no slash, and at most 249 characters")
        key = (owner, group, name)
        if key in self.held:
            raise RefusedError(409, "A consumer instance with the specified name already exists in the Kafka Bridge.")
        if len(self.held) >= self.most:
            raise RefusedError(429, f"There are {self.most} consumers, and there may be no more; delete one")
        held = self.held[key] = Held()
        try:
            async with held.lock:
                held.instance = await self._run(lambda: Instance(group, name, wanted, self.idle))
        except BaseException:
            self.held.pop(key, None)
            raise
        held.used = time.monotonic()
        self.metrics.consumers.set(len(self.held))
        log.info("made consumer %s of %s", name, group)
        return name

    async def ask(
        self,
        owner: str,
        group: str,
        name: str,
        work: Callable[[Instance, Callable[[], bool]], R],
        lost: Callable[[], Awaitable[bool]] | None = None,
    ) -> R:
        """Let a consumer do something, after what it does already.

        Args:
            owner: Who asks.
            group: Its group.
            name: Its name.
            work: What to do with it, in a thread; the second argument says whether to end at once.
            lost: Whether nobody is there any more to get the records: then they come again, before anyone else asks.
        """
        async with self._use((owner, group, name)) as held:
            instance = held.instance
            if instance is None or held.gone.is_set():
                raise instance_missing()
            found = await self._run(lambda: work(instance, lambda: held.gone.is_set() or self.ended.is_set()))
            if lost and await lost():
                await self._run(instance.take_back)
            return found

    async def delete(self, owner: str, group: str, name: str, why: str = "deleted") -> None:
        """Close a consumer; whoever waits for its records gets an empty answer."""
        key = (owner, group, name)
        if key not in self.held:
            raise instance_missing()
        self.held[key].gone.set()
        async with self._use(key) as held:
            instance, held.instance = held.instance, None
            self.held.pop(key, None)
            self.metrics.consumers.set(len(self.held))
            if instance:
                self.metrics.closed.labels(why).inc()
                await self._run(lambda: instance.close(settled=why == "deleted"))
                log.info("closed consumer %s of %s: %s", name, group, why)

    async def sweep(self) -> None:
        """Close those that nobody has asked for anything for too long."""
        now = time.monotonic()
        late = [key for key, held in self.held.items() if not held.waiting and now - held.used > self.idle]
        await asyncio.gather(*(self.delete(*key, why="idle") for key in late), return_exceptions=True)

    async def close(self) -> None:
        """Close all: what their clients were handed last is handed out again, as nobody knows whether they have it."""
        await asyncio.gather(*(self.delete(*key, why="end") for key in list(self.held)), return_exceptions=True)
        self.threads.shutdown(wait=False)

    @asynccontextmanager
    async def _use(self, key: Key) -> AsyncGenerator[Held, None]:
        held = self.held.get(key)
        if held is None:
            raise instance_missing()
        held.waiting += 1
        try:
            async with held.lock:
                yield held
        finally:
            held.waiting -= 1
            held.used = time.monotonic()

    async def _run(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)
