"""The updates of the stand-in and how far they were confirmed, kept on disk."""

import asyncio
import json
from pathlib import Path

from stack.storage import write
from stack.updates import FIRST_UPDATE, Update, lines, texts, updates

LIMIT, LONGEST_POLL = 100, 50  # updates; seconds: what the Bot API caps them at


class TerminatedError(Exception):
    """Another getUpdates took this one's place."""


class Inbox:
    """What waits for the bot.

    Args:
        state: The folder that keeps what was confirmed and what was added.
        data: The folder that may hold `sms/SMSSpamCollection.gz`.
    """

    def __init__(self, state: Path, data: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._offset, self._extra = state / "offset", state / "added.jsonl"
        source, self.source = texts(data)
        added = lines(self._extra.read_text()) if self._extra.exists() else []
        self.updates = updates([*source, *added])
        self.confirmed = int(self._offset.read_text()) if self._offset.exists() else 0
        self._poll = asyncio.Event()
        self._news = asyncio.Condition()

    @property
    def pending(self) -> int:
        """How many updates are not confirmed."""
        return len(self.updates) - self.confirmed

    async def add(self, more: list[str]) -> list[Update]:
        """Append messages with these texts."""
        with self._extra.open("a") as file:
            file.writelines(json.dumps(text) + "\n" for text in more)
        new = updates(more, len(self.updates))
        self.updates += new
        async with self._news:
            self._news.notify_all()
        return new

    async def poll(self, offset: int, limit: int, timeout: int, *, wanted: bool) -> list[Update]:
        """The updates from `offset` on, at most `limit`, waiting up to `timeout` seconds for one.

        Confirms all before `offset`; a negative one keeps that many of the last, and drops the rest.

        Raises:
            TerminatedError: Another poll began while this one waited.
        """
        self._poll.set()
        mine = self._poll = asyncio.Event()
        self._confirm(offset)
        limit = min(max(limit, 1), LIMIT)
        if wanted and not self.pending and timeout > 0:
            await self._wait(mine, min(timeout, LONGEST_POLL))
        return self.updates[self.confirmed : self.confirmed + limit] if wanted else []

    def _confirm(self, offset: int) -> None:
        total = len(self.updates)
        position = total + offset if offset < 0 else offset - FIRST_UPDATE
        position = min(max(position, self.confirmed), total)
        if position != self.confirmed:
            write(self._offset, str(position))
            self.confirmed = position

    async def _wait(self, mine: asyncio.Event, seconds: int) -> None:
        news = asyncio.ensure_future(self._arrival())
        taken = asyncio.ensure_future(mine.wait())
        try:
            await asyncio.wait({news, taken}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (news, taken):
                task.cancel()
        if mine.is_set():
            raise TerminatedError

    async def _arrival(self) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self.pending > 0)
