"""The HTTP server of jobs, by what it answers."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest

from jobs import probes, web
from jobs.errors import JobError, UsageError
from jobs.stream.serving import Watch
from tests.services.copies import ROOT, free_port

SERVER = """
import asyncio, sys
from threading import Event
from jobs import log, web
log.configure()
ended = Event()

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain"), (b"Referrer-Policy", b"origin")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello\\n", "more_body": scope["path"] == "/long"})
    while scope["path"] == "/long" and not ended.is_set():
        await asyncio.sleep(0.02)
    if scope["path"] == "/long":
        await send({"type": "http.response.body", "body": b"bye\\n"})

web.serve(app, "127.0.0.1", 0, what="a test", ended=ended)
print("ended by itself")
"""


@contextmanager
def server() -> Generator[tuple[subprocess.Popen[str], str]]:
    running = subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert running.stderr
        url = re.search(r"a test at (http://127\.0\.0\.1:\d+/)", running.stderr.readline())
        assert url
        yield running, url[1]
    finally:
        running.kill()
        running.communicate(timeout=20)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_server_lets_who_is_being_answered_finish_when_told_to_end(told: signal.Signals) -> None:
    with server() as (running, url), httpx.stream("GET", f"{url}long") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "hello"
        running.send_signal(told)
        assert list(lines) == ["bye"]
        out, said = running.communicate(timeout=20)
    assert (running.returncode, out, said) == (0, "ended by itself\n", "")


def test_every_answer_is_careful_and_none_is_for_another_name() -> None:
    with server() as (_, url):
        answer = httpx.get(url)
        assert (answer.status_code, answer.text) == (200, "hello\n")
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
        assert not [each for each in policy if "http" in each or "*" in each or "unsafe" in each]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers.get_list("Referrer-Policy") == ["origin"]  # what the application says itself
        assert "server" not in answer.headers
        for name, status in (("evil.example", 421), ("localhost:80", 200), ("[::1]:80", 200), ("127.0.0.1", 200)):
            said = httpx.get(url, headers={"Host": name})
            assert (name, said.status_code) == (name, status)
            assert "Content-Security-Policy" in said.headers


def test_nobody_serves_everybody_by_accident() -> None:
    for host in ("0.0.0.0", "::", "10.1.2.3", "example.org"):  # noqa: S104
        assert not web.loopback(host)
        with pytest.raises(UsageError, match="asks nobody who they are"):
            web.serve(None, host, 0, what="a test")  # type: ignore[arg-type]
    assert all(web.loopback(host) for host in ("127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST."))


def test_a_port_that_is_taken_is_an_error_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(JobError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use") as error:
            web.serve(None, "127.0.0.1", port, what="a test")  # type: ignore[arg-type]
    assert error.value.hint.startswith("--port=")
    with pytest.raises(UsageError, match="there is no port 70000"):
        web.listen("127.0.0.1", 70000)


def test_a_job_is_asked_while_it_works_and_no_longer() -> None:
    watch = Watch("t")
    with web.beside(probes.app(watch), "127.0.0.1", port := free_port(), what="a test"):
        ask = lambda path: httpx.get(f"http://127.0.0.1:{port}{path}")  # noqa: E731
        assert [ask(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 503, 200]
        watch.ready, watch.turned = True, watch.turned - 2 * probes.HANGS
        assert [ask(path).status_code for path in ("/healthz", "/readyz")] == [503, 200]
    with pytest.raises(httpx.ConnectError):
        ask("/healthz")
    with pytest.raises(UsageError, match="asks nobody"), web.beside(None, "0.0.0.0", 0, what="a test"):  # type: ignore[arg-type]  # noqa: S104
        pass
