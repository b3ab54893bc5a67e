"""Events into a queue: slices on their way, each confirmed by the broker before it counts."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import islice

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from jobs.errors import JobError
from jobs.rabbit.link import BrokenError, Link, Message

SLICE, UNDER_WAY = 500, 4


def open_link(queue: str = "", prefetch: int = 0, patience: float = 60) -> Link:
    """A link, as soon as the broker answers.

    Args:
        queue: Which messages are taken; none when empty.
        prefetch: How many may be held that are not acknowledged.
        patience: How long to try, in seconds.

    Raises:
        JobError: It does not answer within `patience`.
    """
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(BrokenError),
            stop=stop_after_delay(patience),
            wait=wait_fixed(1),
            reraise=True,
        ):
            with attempt:
                return Link(queue, prefetch)
    except BrokenError as error:
        raise JobError(f"RabbitMQ does not answer: {error}", hint="make status, make up WITH=documents") from error
    raise AssertionError("a try either returns or raises")


def send(messages: Iterator[Message], queue: str, patience: float) -> int:
    """Send all messages; what was under way when a connection broke is sent again, under the same ids.

    Args:
        messages: In order.
        queue: Where to.
        patience: How long to try again, in seconds.

    Returns:
        How many the broker confirmed.

    Raises:
        JobError: The broker stays away, or refuses them.
    """
    confirmed, again = 0, 0
    under_way: deque[tuple[list[Message], Future[None]]] = deque()
    link = open_link(patience=patience)
    while True:
        while len(under_way) < UNDER_WAY and (part := list(islice(messages, SLICE))):
            under_way.append((part, link.send(part, "", queue)))
        if not under_way:
            break
        part, done = under_way[0]
        try:
            done.result(60 + patience)
        except (BrokenError, TimeoutError) as error:
            again += 1
            if again > 10:
                raise JobError(f"{queue}: {error}; {confirmed} messages were confirmed", hint="make status") from error
            link.close()
            link = open_link(patience=patience)
            under_way = deque((each, link.send(each, "", queue)) for each, _ in under_way)
            continue
        under_way.popleft()
        confirmed += len(part)
    link.close()
    return confirmed
