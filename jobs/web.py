"""HTTP servers of jobs: one way to listen, to end, and to be careful about who may ask."""

import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Event, Thread
from typing import Any

from jobs.errors import JobError, UsageError

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""What ASGI calls an application; Starlette's and FastAPI's are some."""

GRACE = 5
"""How long those who were being answered may take when the server is told to end, in seconds."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""A page may use what this server serves and nothing else; what is written into it as text stays text."""

HEADERS = {
    b"cache-control": b"no-cache",
    b"content-security-policy": POLICY.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
"""What every answer says, unless the application says otherwise."""


def serve(
    app: App,
    host: str,
    port: int,
    *,
    what: str,
    authenticated: bool = False,
    exposed: bool = False,
    ended: Event | None = None,
) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; whoever is being answered then gets `GRACE` seconds.

    Args:
        app: The application.
        host: The address to listen on.
        port: Where to listen; 0 for one that is free, which the log says.
        what: What is served, for people: `the live page`.
        authenticated: The application asks every caller who it is, so it may listen anywhere.
        exposed: Its user said that everybody who reaches the address may use it.
        ended: Set as soon as the server is told to end: by it long answers, such as streams, and threads know.

    Raises:
        UsageError: Everybody could use it, and nobody said so.
        JobError: It cannot listen there.
    """
    # Imported here: it takes 0.2 s, and most commands serve nothing.
    import uvicorn  # noqa: PLC0415

    careful = _careful(host, what=what, authenticated=authenticated, exposed=exposed)
    over = Event() if ended is None else ended

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            over.set()
            super().handle_exit(sig, frame)

    with listen(host, port) as listener:
        # uvicorn raises the signal once more when it has ended; it is no failure to end when told.
        before = {each: signal.signal(each, _ignore) for each in (signal.SIGTERM, signal.SIGINT)}
        _tell(what, host, listener)
        try:
            Server(_config(app, loopback_only=careful)).run(sockets=[listener])
        finally:
            over.set()
            for each, handler in before.items():
                signal.signal(each, handler)


@contextmanager
def beside(app: App, host: str, port: int, *, what: str, exposed: bool = False) -> Generator[None, None, None]:
    """Serve an ASGI application in a thread for as long as other work is done.

    Args:
        app: The application.
        host: The address to listen on.
        port: Where to listen; 0 for one that is free, which the log says; below 0 nobody is served.
        what: What is served, for people: `metrics of transactions`.
        exposed: Its user said that everybody who reaches the address may use it.

    Raises:
        UsageError: Everybody could use it, and nobody said so.
        JobError: It cannot listen there.
    """
    if port < 0:
        yield
        return
    import uvicorn  # noqa: PLC0415 - see `serve`

    careful = _careful(host, what=what, authenticated=False, exposed=exposed)
    with listen(host, port) as listener:
        server = uvicorn.Server(_config(app, loopback_only=careful))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        _tell(what, host, listener)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(2 * GRACE)


def _careful(host: str, *, what: str, authenticated: bool, exposed: bool) -> bool:
    """Whether only this machine may ask, and by a name that means it."""
    careful = not authenticated and loopback(host)
    if not (authenticated or exposed or careful):
        raise UsageError(
            f"{what} asks nobody who they are, and everybody who reaches {host} could use it",
            hint="--host=127.0.0.1, or --exposed if that is meant",
        )
    return careful


def _config(app: App, *, loopback_only: bool) -> Any:
    import uvicorn  # noqa: PLC0415 - see `serve`

    return uvicorn.Config(
        Guard(app, loopback_only=loopback_only),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


def _tell(what: str, host: str, listener: socket.socket) -> None:
    shown = f"[{host}]" if ":" in host else host
    log.info("serving %s at http://%s:%d/", what, shown, listener.getsockname()[1])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: There is no such port.
        JobError: The port is taken, or the address is not this machine's.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"there is no port {port}", hint="--port=8080")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=128)
        # asyncio does so for sockets of its own alone; else an answer waits 40 ms for its client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        hint = f"--port={port + 1}" if port < 65535 else "--port=0"
        raise JobError(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
    return listener


def loopback(host: str) -> bool:
    """Whether only this machine reaches an address: 127.0.0.0/8, ::1, or localhost."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _ignore(*_: object) -> None:
    """A signal that the server has obeyed already."""


class Guard:
    """Adds `HEADERS` to every answer, and refuses what was sent to another name than this machine's.

    Another name means that a web page somewhere had its own name resolve to loopback, so that its scripts could
    read here what the browser would not let them read.

    Args:
        app: The application.
        loopback_only: Whether the name is asked for at all.
    """

    def __init__(self, app: App, *, loopback_only: bool) -> None:
        self.app, self.loopback_only = app, loopback_only

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if self.loopback_only and not _meant(scope):
            return await _refuse(scope, send)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name.lower(), value) for name, value in message.get("headers", ())]
                there = {name for name, _ in headers}
                headers += [(name, value) for name, value in HEADERS.items() if name not in there]
                message["headers"] = headers
            await send(message)

        return await self.app(scope, receive, sent)


def _meant(scope: Message) -> bool:
    """Whether the request was sent to this machine by a name that means it."""
    named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    name, _, port = named.rpartition(":")
    return loopback(name if name and port.isdigit() else named)


async def _refuse(scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain"), *HEADERS.items()]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": b"this server is for http://127.0.0.1 and localhost only\n"})
