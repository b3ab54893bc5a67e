"""How far an export is: which offsets the queue has, and which it may have; pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import BaseModel

WINDOW = 240.0
"""For how long a FIFO queue surely drops what it has seen, in seconds: SQS says 300, and clocks differ."""


class Part(BaseModel):
    """One partition.

    Args:
        next: All offsets below are settled: accepted, or dead letters.
        done: Ranges from `next` on that are settled too, each with its end (exclusive).
        upto: No offset from here on was ever sent.
    """

    next: int = 0
    done: list[tuple[int, int]] = []
    upto: int = 0

    @property
    def doubtful(self) -> int:
        """Offsets that may have been sent although nobody wrote down what became of them."""
        return max(0, self.upto - self.next) - sum(end - first for first, end in self.done)


class State(BaseModel):
    """One record of the progress of a topic into a queue; it holds after the run that wrote it was killed.

    Args:
        queue: Which queue: its ARN, and when it was made.
        topic: The topic.
        topic_id: What the cluster calls it.
        run: Who wrote this.
        accepted: Messages that the queue accepted, in all runs.
        dead: Messages that became dead letters, in all runs.
        parts: Its partitions.
        entry: For rows of a table, the number of the ledger entry that will say what became of them.
    """

    queue: str
    topic: str
    topic_id: str
    run: str = ""
    accepted: int = 0
    dead: int = 0
    parts: dict[int, Part] = {}
    entry: int = 0

    @property
    def doubtful(self) -> int:
        """Messages that may be sent a second time, at most."""
        return sum(part.doubtful for part in self.parts.values())


@dataclass
class Track:
    """One partition while it is being sent: the same as `Part`, quick to change."""

    next: int
    upto: int
    last: int
    settled: set[int]
    open: deque[int] = field(default_factory=deque[int])

    @classmethod
    def of(cls, part: Part) -> "Track":
        """Going on from what was written down."""
        return cls(part.next, part.upto, part.next, {each for first, end in part.done for each in range(first, end)})

    def opened(self, offset: int) -> None:
        """An offset that will be sent; offsets come in order."""
        self.open.append(offset)
        self.last = offset + 1
        self.upto = max(self.upto, self.last)

    def settle(self, offset: int) -> None:
        """An offset whose fate is known."""
        self.settled.add(offset)
        while self.open and self.open[0] in self.settled:
            self.settled.discard(self.open.popleft())
        self.next = max(self.next, self.open[0] if self.open else self.last)

    def end(self, offset: int) -> None:
        """All below was read; what is not open needs no sending."""
        self.last = max(self.last, offset)
        if not self.open:
            self.next, self.settled = max(self.next, offset), set()
            self.upto = max(self.upto, self.next)

    def part(self) -> Part:
        """What is to be written down."""
        done = ranges(each for each in self.settled if each >= self.next)
        return Part(next=self.next, done=done, upto=max(self.upto, self.next))


def ranges(offsets: Iterable[int]) -> list[tuple[int, int]]:
    """Offsets as ranges, each with its end (exclusive), in order."""
    found: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if found and found[-1][1] == offset:
            found[-1] = (found[-1][0], offset + 1)
        else:
            found.append((offset, offset + 1))
    return found


def too_late(state: State, age: float) -> bool:
    """Whether a FIFO queue may no longer know what was under way when the last run was killed.

    Args:
        state: What was written down last.
        age: How long ago, in seconds.
    """
    return state.doubtful > 0 and age > WINDOW


def maybe_twice(state: State, age: float, *, fifo: bool) -> int:
    """How many messages may get into the queue a second time; a FIFO queue drops them as long as it knows their ids."""
    return state.doubtful if not fifo or too_late(state, age) else 0


def skip(state: State) -> State:
    """The same with everything that may have been sent taken for accepted."""
    parts = {number: Part(next=max(each.next, each.upto), upto=each.upto) for number, each in state.parts.items()}
    return state.model_copy(update={"parts": parts})
