"""What is asked of a job that goes on for long: whether it lives, whether it is ready, and its figures."""

from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

HANGS = 60.0
"""Without a turn of its loop for so long, in seconds, a job hangs: more than a request may take."""


class Watched(Protocol):
    """A job that can be asked."""

    @property
    def registry(self) -> CollectorRegistry:
        """Its metrics."""
        ...

    @property
    def alive(self) -> bool:
        """Whether its loop comes round; if not, a restart may help."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it does its work now; if not, it may be waiting for others."""
        ...


def app(watched: Watched) -> Starlette:
    """Answers at /healthz, /readyz and /metrics."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n") if watched.alive else PlainTextResponse("the loop hangs\n", 503)

    async def readyz(_: Request) -> Response:
        return PlainTextResponse("ready\n") if watched.ready else PlainTextResponse("not at work\n", 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(watched.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
