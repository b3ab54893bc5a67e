"""Where an export keeps what it sent: a journal of offsets for records, a list for rows."""

import time
from typing import Protocol

from jobs.sqs.answers import Verdict
from jobs.sqs.message import Message
from jobs.sqs.progress import State, Track

MANY, OFTEN, BEAT = 256, 0.25, 30.0
"""A record is written for so many settled messages, or after so many seconds; a sign of life while some are open."""

BYTES = 32 * 1024 * 1024
"""The most bytes of messages that were read and are not settled."""


class Pages(Protocol):
    """What a state is written to: `Journal`, or a test's."""

    writing: bool

    def write(self, state: State) -> None:
        """Begin to write."""
        ...

    def poll(self) -> None:
        """Take in what became of it."""
        ...

    def flush(self) -> None:
        """Wait until it is there."""
        ...


class Windows:
    """Offsets of a topic. What is sent was announced before; at most `most` messages and a chunk are ever in doubt.

    Args:
        journal: Where states are written.
        state: The last one of earlier runs.
        most: With how many that are announced and not written down as settled one more chunk may be announced.
    """

    def __init__(self, journal: Pages, state: State, most: int) -> None:
        self.journal, self.state, self.most = journal, state, most
        self.tracks = {number: Track.of(part) for number, part in state.parts.items()}
        self.announced: list[list[Message]] = []  # not written down yet: not to be sent
        self.announcing: list[list[Message]] = []  # being written down
        self.count = self.bytes = self.fresh = self.covered = 0
        self.accepted, self.dead = state.accepted, state.dead
        self.written = 0.0

    def __len__(self) -> int:
        """Chunks that wait until their announcement is written."""
        return len(self.announced) + len(self.announcing)

    def room(self) -> bool:
        """Whether more may be announced."""
        return self.count + self.fresh + self.covered < self.most and self.bytes < BYTES

    def open(self, messages: list[Message]) -> None:
        """Announce messages; they may be sent when `opened` gives them back."""
        for message in messages:
            self._track(message.partition).opened(message.offset)
            self.bytes += message.size
        self.count += len(messages)
        self.announced.append(messages)

    def opened(self) -> list[list[Message]]:
        """Messages that may be sent now."""
        if self.journal.writing:
            return []
        ready, self.announcing = self.announcing, []
        self.covered = 0
        return ready

    def settle(self, verdict: Verdict) -> None:
        """A message that the queue has, or that is a dead letter."""
        message = verdict.message
        self._track(message.partition).settle(message.offset)
        self.count -= 1
        self.fresh += 1
        self.bytes -= message.size
        if verdict.kind == "accepted":
            self.accepted += 1
        else:
            self.dead += 1

    def tick(self, now: float) -> None:
        """Write down what is to be written down, if it is time; one record is under way at a time."""
        self.journal.poll()
        since = now - self.written
        due = self.announced or self.fresh >= MANY or (self.fresh and since > OFTEN) or (self.count and since > BEAT)
        if due and not self.journal.writing and not self.announcing:
            self._write(now)

    def finish(self, ends: dict[int, int]) -> None:
        """Write down the end of each partition, all of whose messages are settled, and wait until it is there."""
        for partition, end in ends.items():
            self._track(partition).end(end)
        self.close()

    def close(self) -> None:
        """Write down what is known, and wait until it is there."""
        self.journal.flush()
        self._write(time.monotonic())
        self.journal.flush()

    def _write(self, now: float) -> None:
        self.state.parts = {number: track.part() for number, track in self.tracks.items()}
        self.state.accepted, self.state.dead = self.accepted, self.dead
        self.journal.write(self.state)
        self.announcing += self.announced
        self.announced = []
        self.covered, self.fresh, self.written = self.fresh, 0, now

    def _track(self, partition: int) -> Track:
        found = self.tracks.get(partition)
        if found is None:
            found = self.tracks[partition] = Track(0, 0, 0, set())
        return found


class Rows:
    """Rows of a table: verdicts, to be written as rows of the table of the export."""

    def __init__(self) -> None:
        self.chunks: list[list[Message]] = []
        self.verdicts: list[Verdict] = []

    def __len__(self) -> int:
        """Chunks that were not handed out."""
        return len(self.chunks)

    def room(self) -> bool:
        """One chunk at a time."""
        return not self.chunks

    def open(self, messages: list[Message]) -> None:
        """Messages that will be sent."""
        self.chunks.append(messages)

    def opened(self) -> list[list[Message]]:
        """Messages that may be sent now."""
        ready, self.chunks = self.chunks, []
        return ready

    def settle(self, verdict: Verdict) -> None:
        """A message that the queue has, or that is a dead letter."""
        self.verdicts.append(verdict)

    def tick(self, now: float) -> None:
        """Nothing is written until the chunk is done."""
