"""How the API itself does: requests by route and status, how long they take, and how many are under way."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds, in seconds."""


class Figures:
    """The figures of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("headrace_api_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "headrace_api_request_seconds", "How long they took.", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self.under_way = Gauge("headrace_api_requests_under_way", "Being answered now.", registry=self.registry)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)


class Measured:
    """An application whose requests are counted.

    Args:
        app: The application.
        figures: Where they are counted.
    """

    def __init__(self, app: App, figures: Figures) -> None:
        self.app, self.figures = app, figures

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.figures.under_way.track_inprogress():
            try:
                return await self.app(scope, receive, sent)
            finally:
                # The route as it is declared: paths that somebody makes up must not each have figures of their own.
                route = getattr(scope.get("route"), "path", "(none)")
                method = scope["method"] if scope["method"] in ("GET", "HEAD", "OPTIONS", "POST") else "other"
                self.figures.requests.labels(method, route, status).inc()
                self.figures.seconds.labels(route).observe(time.perf_counter() - began)
