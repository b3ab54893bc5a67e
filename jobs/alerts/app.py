"""What the live page's server answers; all that the page needs is in the folder `page`."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from threading import Event

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from jobs.alerts.reading import Live

PAGE = Path(__file__).parent / "page"
TICK = 0.25
"""How often a stream looks for the next second and for the end, in seconds."""

STREAMS = 100
"""How many may watch at once: each costs a connection and at most one state that it has not read yet."""

RETRY = 2000
"""How long a browser waits before it connects again, in milliseconds."""

NOW = {"cache-control": "no-store"}


def app(live: Live, ended: Event) -> Starlette:
    """The application: page, state, events, health and metrics.

    Args:
        live: What is shown.
        ended: Set when the server is told to end; streams end then.
    """
    answers = Answers(live, ended)
    return Starlette(
        routes=[
            Route("/", answers.page),
            Route("/state", answers.state),
            Route("/events", answers.events),
            Route("/healthz", answers.healthz),
            Route("/metrics", answers.metrics),
            Mount("/page", StaticFiles(directory=PAGE)),
        ]
    )


class Answers:
    """One method a route."""

    def __init__(self, live: Live, ended: Event) -> None:
        self.live, self.ended, self.watching = live, ended, 0

    async def page(self, _: Request) -> Response:
        """The page itself."""
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    async def state(self, _: Request) -> Response:
        """What the page shows now, as JSON."""
        text = (await asyncio.to_thread(self.live.text))[1]
        return Response(text, media_type="application/json", headers=NOW)

    async def events(self, _: Request) -> Response:
        """The same once a second, as server-sent events."""
        if self.watching >= STREAMS:
            return PlainTextResponse(f"{STREAMS} are watching already\n", 503, {"retry-after": "10"})
        self.watching += 1  # before the answer begins, so that many at once are not too many
        return Watching(self)

    async def healthz(self, _: Request) -> Response:
        """Whether both threads come round; Kafka being away is no reason to start this anew."""
        return PlainTextResponse("ok\n") if self.live.alive else PlainTextResponse("reading hangs\n", 503)

    async def metrics(self, _: Request) -> Response:
        """For Prometheus."""
        return Response(await asyncio.to_thread(self.live.metrics), media_type=CONTENT_TYPE_LATEST, headers=NOW)


class Watching(StreamingResponse):
    """A stream, counted until it is over however it ends."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        headers = NOW | {"x-accel-buffering": "no"}
        super().__init__(stream(answers.live, answers.ended), media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.answers.watching -= 1


async def stream(live: Live, ended: Event) -> AsyncGenerator[bytes]:
    """One event a second, which says all there is: who connects again goes on with the next one.

    The next is asked for when the one before is on its way, so who reads slowly misses seconds and holds no memory.
    """
    yield b"retry: %d\n\n" % RETRY
    last, sent = 0, time.monotonic()
    while not ended.is_set():
        second, text = await asyncio.to_thread(live.text)  # a reader may have the lock for a moment
        if second != last:
            yield b"id: %d\ndata: %s\n\n" % (second, text)
            last, sent = second, time.monotonic()
        elif time.monotonic() - sent > 5:
            yield b": still here\n\n"
            sent = time.monotonic()
        await asyncio.sleep(TICK)
