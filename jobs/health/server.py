"""An HTTP server of the last look: /metrics for Prometheus, /healthz for whoever starts it again."""

import logging
import signal
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from prometheus_client import CONTENT_TYPE_LATEST

from jobs.errors import JobError
from jobs.health import metrics
from jobs.health.looking import Looked

log = logging.getLogger(__name__)


class Exporter:
    """Looks again and again, and keeps the last that it saw.

    Args:
        look: What to do.
        every: How often, in seconds.
    """

    def __init__(self, look: Callable[[], Looked], every: float) -> None:
        self.look, self.every = look, every
        self.text, self.at = b"", 0.0

    def run(self, ended: Event) -> None:
        """Look until told to end; a look that breaks is told, and the next one is tried."""
        while not ended.is_set():
            began = time.monotonic()
            try:
                seen = self.look()
                self.text = metrics.text(seen, seconds=time.monotonic() - began, at=time.time())
                self.at = time.monotonic()
            except Exception:
                log.exception("could not look")
            ended.wait(max(0.0, self.every - (time.monotonic() - began)))

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body of what is asked for."""
        fresh = self.at > 0 and time.monotonic() - self.at < 3 * self.every + 60
        if path == "/metrics":
            return (200, CONTENT_TYPE_LATEST, self.text) if self.at else (503, "text/plain", b"not looked yet\n")
        if path == "/healthz":
            return (200, "text/plain", b"ok\n") if fresh or not self.at else (503, "text/plain", b"looking hangs\n")
        return 404, "text/plain", b"there is /metrics and /healthz\n"


def serve(exporter: Exporter, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        JobError: The port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = exporter.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            log.debug(format, *args)

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise JobError(f"cannot listen on {host}:{port}: {error.strerror}", hint="--port=9465") from error
    ended = Event()

    def end(*_: object) -> None:
        ended.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    Thread(target=exporter.run, args=(ended,), daemon=True).start()
    Thread(target=server.serve_forever, daemon=True).start()
    log.info("serving http://%s:%d/metrics, looking every %.0f s", host, server.server_port, exporter.every)
    ended.wait()
    server.shutdown()
