"""One connection to RabbitMQ, served by a thread of its own: heartbeats go on however long a batch takes."""
# pika has no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import pika
from pika.spec import Basic

from jobs.rabbit import broker

OPENING = 20  # seconds
LARGEST_BATCH = 8 << 20  # bytes; beyond that a batch is full however few messages it has


class BrokenError(Exception):
    """The connection is gone; what was not acknowledged is given out again."""


@dataclass(frozen=True)
class Message:
    """A message as it was delivered, or as it is to be sent.

    Args:
        body: What it says.
        id: The producer's name of it.
        headers: What else it bears.
        tag: Its number on this connection; 0 if it is to be sent.
        again: Whether it was given out before.
    """

    body: bytes
    id: str = ""
    headers: dict[str, Any] = field(default_factory=dict[str, Any])
    tag: int = 0
    again: bool = False


class Link:
    """Takes messages of one queue, and sends others with the broker's confirmation.

    Args:
        queue: Which messages are taken; none when empty.
        prefetch: How many may be held that are not acknowledged.

    Raises:
        BrokenError: Nobody answers.
    """

    def __init__(self, queue: str = "", prefetch: int = 0) -> None:
        self.queue, self.prefetch = queue, prefetch
        self._broken = ""
        self._ready: Future[None] = Future()
        self._open: dict[int, _Parcel] = {}
        self._sent = 0
        self._channel: Any = None
        self._inbox: Inbox = Inbox()
        for each in broker.parameters():
            if self._try(each):
                return
        raise BrokenError(self._broken or "nobody answers")

    def take(self, most: int, linger: float, stop: threading.Event) -> list[Message]:
        """A batch of what was delivered: `most` messages, or what has come `linger` seconds after the first one.

        Raises:
            BrokenError: The connection is gone.
        """
        taken, size, until = list[Message](), 0, time.monotonic() + linger
        while len(taken) < most and size < LARGEST_BATCH and not stop.is_set():
            try:
                each = self._inbox.get(timeout=max(0.0, min(0.2, until - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= until:
                    break
                continue
            if each is None:
                raise BrokenError(self._broken)
            taken.append(each)
            size += len(each.body)
        return taken

    def ack(self, tag: int) -> None:
        """Say that this message, and all that came before it, are done."""
        self._do(lambda: self._channel.basic_ack(tag, multiple=True))

    def send(self, messages: Sequence[Message], exchange: str, key: str) -> Future[None]:
        """Send messages; the future is done when the broker has all of them for good.

        Args:
            messages: What to send.
            exchange: Where to; empty is straight to the queue `key`.
            key: The routing key.
        """
        parcel = _Parcel(len(messages))
        if self._broken:
            parcel.fail(self._broken)
        elif not messages:
            parcel.done.set_result(None)
        else:
            self._do(lambda: self._publish(messages, exchange, key, parcel))
        return parcel.done

    def close(self) -> None:
        """End the connection; what was taken and not acknowledged goes back to the queue."""
        if not self._broken:
            self._do(self._connection.close)
        self._thread.join(OPENING)

    def _try(self, parameters: pika.ConnectionParameters) -> bool:
        self._broken, self._ready = "", Future()
        self._connection: Any = pika.SelectConnection(
            parameters,
            on_open_callback=self._connected,
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
        )
        self._thread = threading.Thread(target=self._connection.ioloop.start, daemon=True)
        self._thread.start()
        try:
            self._ready.result(OPENING)
        except (BrokenError, TimeoutError) as error:
            self._broken = str(error)
            self._connection.ioloop.add_callback_threadsafe(self._connection.ioloop.stop)
            return False
        return True

    def _do(self, work: Any) -> None:
        """Let the connection's own thread do it, unless there is no connection any more."""
        self._connection.ioloop.add_callback_threadsafe(lambda: None if self._broken else work())

    def _connected(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._confirmed, callback=self._begin)

    def _begin(self, _: Any) -> None:
        if self.queue:
            self._channel.basic_qos(prefetch_count=self.prefetch)
            self._channel.basic_consume(self.queue, self._delivered)
        self._ready.set_result(None)

    def _delivered(self, _: Any, method: Any, properties: Any, body: bytes) -> None:
        headers = properties.headers or {}
        self._inbox.put(
            Message(body, properties.message_id or "", headers, method.delivery_tag, bool(method.redelivered))
        )

    def _publish(self, messages: Sequence[Message], exchange: str, key: str, parcel: "_Parcel") -> None:
        for each in messages:
            properties = pika.BasicProperties(
                content_type="application/json",
                delivery_mode=2,
                message_id=each.id or None,
                headers=each.headers or None,
            )
            self._sent += 1
            self._open[self._sent] = parcel
            self._channel.basic_publish(exchange, key, each.body, properties, mandatory=True)

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        last = method.delivery_tag
        tags = [*takewhile(lambda tag: tag <= last, self._open)] if method.multiple else [last]
        for tag in tags:
            parcel = self._open.pop(tag, None)
            if parcel is None:
                continue
            if isinstance(method, Basic.Ack):
                parcel.one()
            else:
                parcel.fail("the broker refused a message: it is full, or a node of it is gone")

    def _returned(self, _: Any, method: Any, __: Any, ___: bytes) -> None:
        for parcel in set(self._open.values()):
            parcel.fail(f"no queue takes what is sent to {method.exchange or method.routing_key}: {method.reply_text}")

    def _channel_closed(self, _: Any, reason: Any) -> None:
        self._closed(self._connection, reason)

    def _closed(self, connection: Any, reason: Any) -> None:
        if not self._broken:
            self._broken = str(reason) or type(reason).__name__
        for parcel in set(self._open.values()):
            parcel.fail(self._broken)
        self._open.clear()
        if not self._ready.done():
            self._ready.set_exception(BrokenError(self._broken))
        self._inbox.put(None)
        if connection.is_open:
            connection.close()
        else:
            connection.ioloop.stop()


Inbox = queue.SimpleQueue[Message | None]


class _Parcel:
    """Messages that are confirmed together."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.done: Future[None] = Future()

    def one(self) -> None:
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(BrokenError(why))
