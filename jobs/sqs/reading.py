"""A source read ahead by a thread of its own, so that sending does not wait for it."""

from collections.abc import Iterable
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Self

from jobs.sqs.message import Message

AHEAD = 2
"""Chunks that were read and not yet asked for."""


class Reader:
    """The chunks of a source, in order.

    Args:
        chunks: The source; it is read by a thread.
    """

    def __init__(self, chunks: Iterable[list[Message]]) -> None:
        self.chunks = chunks
        self.queue: Queue[list[Message] | BaseException | None] = Queue(AHEAD)
        self.peeked: list[Message] | None = None
        self.ended = False
        self.left = Event()
        self.thread = Thread(target=self._read, name="sqs-reader", daemon=True)

    def __enter__(self) -> Self:
        """Begin to read."""
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading."""
        self.left.set()
        self.thread.join(10)

    def next(self) -> list[Message] | None:
        """The next chunk if it has been read; None if not, or if there is none (then `ended`).

        Raises:
            Exception: What the source raised.
        """
        if self.peeked is not None:
            chunk, self.peeked = self.peeked, None
            return chunk
        try:
            return self._take(self.queue.get_nowait())
        except Empty:
            return None

    def wait(self, seconds: float) -> None:
        """Wait for the next chunk, at most so many seconds."""
        if self.peeked is None and not self.ended:
            try:
                self.peeked = self._take(self.queue.get(timeout=seconds))
            except Empty:
                return

    def _take(self, found: list[Message] | BaseException | None) -> list[Message] | None:
        if isinstance(found, BaseException):
            self.ended = True
            raise found
        self.ended = self.ended or found is None
        return found

    def _read(self) -> None:
        try:
            for chunk in self.chunks:
                if not self._put(chunk):
                    break
            else:
                self._put(None)
        except BaseException as error:
            self._put(error)
        finally:
            close = getattr(self.chunks, "close", None)
            if close:
                close()

    def _put(self, what: list[Message] | BaseException | None) -> bool:
        while not self.left.is_set():
            try:
                self.queue.put(what, timeout=0.2)
            except Full:
                continue
            return True
        return False
