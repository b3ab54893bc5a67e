"""Which messages go next, for a standard queue and for a FIFO queue: pure.

Both give requests of at most ten messages and as many bytes as the queue takes, and only what may be sent now.
"""

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Protocol

from jobs.sqs.message import ENTRIES, Message


class Waiting(Protocol):
    """Messages that were read and are not settled."""

    def add(self, messages: Iterable[Message]) -> None:
        """Messages that were read, in the order of their topic."""
        ...

    def take(self, now: float) -> list[Message]:
        """The next request's messages; none if nothing may go now."""
        ...

    def back(self, message: Message, when: float) -> None:
        """A message that goes again, not before `when`."""
        ...

    def settled(self, message: Message) -> None:
        """A message that the queue has, or that is a dead letter."""
        ...

    def __len__(self) -> int:
        """How many wait."""
        ...


class Standard:
    """In the order in which they were read; what goes again goes first, and with its like.

    Args:
        limit: Bytes of one message, and of one request.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.fresh: deque[Message] = deque()
        self.again: list[tuple[float, int, int, Message]] = []
        self.count = 0

    def add(self, messages: Iterable[Message]) -> None:
        """Messages that were read, in the order of their topic."""
        self.fresh.extend(messages)

    def take(self, now: float) -> list[Message]:
        """The next request's messages; none if nothing may go now."""
        batch: list[Message] = []
        size = 0
        while self.again and self.again[0][0] <= now and len(batch) < ENTRIES:
            message = self.again[0][-1]
            if batch and (message.alone or batch[0].alone or size + message.size > self.limit):
                break
            heappop(self.again)
            batch.append(message)
            size += message.size
        if batch:
            return sorted(batch, key=lambda each: (each.partition, each.offset))
        fresh = self.fresh
        while fresh and len(batch) < ENTRIES and (not batch or size + fresh[0].size <= self.limit):
            size += fresh[0].size
            batch.append(fresh.popleft())
        return batch

    def back(self, message: Message, when: float) -> None:
        """A message that goes again, not before `when`."""
        self.count += 1
        heappush(self.again, (when, message.offset, self.count, message))

    def settled(self, message: Message) -> None:
        """Nobody waits for it."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self.fresh) + len(self.again)


class Fifo:
    """One message of a group at a time: nothing of a group is sent before SQS has all that came earlier.

    Two of one group in one request would be faster, but SQS may take the second and not the first.

    Args:
        limit: Bytes of one message, and of one request.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.groups: dict[str, deque[Message]] = {}
        self.free: deque[str] = deque()
        self.paused: list[tuple[float, int, str]] = []
        self.count = self.waiting = 0

    def add(self, messages: Iterable[Message]) -> None:
        """Messages that were read, in the order of their topic."""
        for message in messages:
            group = self.groups.get(message.group)
            if group is None:
                group = self.groups[message.group] = deque()
                self.free.append(message.group)
            group.append(message)
            self.waiting += 1

    def take(self, now: float) -> list[Message]:
        """The next request's messages, each of another group; none if nothing may go now."""
        while self.paused and self.paused[0][0] <= now:
            self.free.appendleft(heappop(self.paused)[2])
        batch: list[Message] = []
        size = 0
        while self.free and len(batch) < ENTRIES:
            message = self.groups[self.free[0]][0]
            if batch and (message.alone or batch[0].alone or size + message.size > self.limit):
                break
            self.groups[self.free.popleft()].popleft()
            self.waiting -= 1
            batch.append(message)
            size += message.size
        return batch

    def back(self, message: Message, when: float) -> None:
        """A message that goes again, not before `when`; its group waits for it, the others go on."""
        self.groups[message.group].appendleft(message)
        self.count += 1
        self.waiting += 1
        heappush(self.paused, (when, self.count, message.group))

    def settled(self, message: Message) -> None:
        """A message that the queue has, or that is a dead letter: the next one of its group may go."""
        if self.groups[message.group]:
            self.free.append(message.group)
        else:
            del self.groups[message.group]

    def __len__(self) -> int:
        """How many wait."""
        return self.waiting
