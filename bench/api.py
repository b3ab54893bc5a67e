"""The API under load: how many requests a second it answers, and how long they take at a given rate.

Two measurements a round. `rate`: CLIENTS connections that ask as fast as they are answered. `latency`: requests leave
by the clock at RATE a second whether or not earlier ones were answered, and each is timed from when it should have
left, so that a server that stalls is not spared the requests that it held up. Requests go round the routes of the page,
and one of six is for documents where there is a store. An answer other than 200 ends the run. The peer is the same
server in the same run when only `/health` is asked: what the web server itself allows. Run it on a stack:
`make bench`, or `API_BENCH=rounds,seconds,rate python -m bench.api`.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles

import httpx

from bench import line
from jobs import keys, log, settings

ROUNDS, SECONDS, RATE = (int(each) for each in os.environ.get("API_BENCH", "3,10,200").split(","))
CLIENTS = 8
KEY = "hr_of-the-benchmark"
ROUTES = ["/pipeline", "/runs?limit=50", "/ledger", "/dead-letters", "/alerts"]


@contextmanager
def served() -> Generator[int]:
    """The API on a free port, which lets one key ask as often as it likes."""
    headrace = str(Path(sys.executable).parent / "headrace")
    environment = {**os.environ, "KEYS_SHA256": f"bench={keys.digest(KEY)}"}
    words = [headrace, "api", "serve", "--port=0", "--rate=1000000/second"]
    with tempfile.NamedTemporaryFile("r+") as said:
        process = subprocess.Popen(words, env=environment, stderr=said)
        try:
            until = time.monotonic() + 120
            while not (found := re.search(r"http://127.0.0.1:(\d+)/", Path(said.name).read_text())):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"the API did not begin: {Path(said.name).read_text()}")
                time.sleep(0.1)
            yield int(found[1])
        finally:
            process.terminate()
            process.wait(30)


class Connection:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def ask(self, path: str) -> None:
        """One request; its whole answer, which must be 200."""
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nX-API-Key: {KEY}\r\n\r\n"
        self.writer.write(head.encode())
        said = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", said, re.IGNORECASE)
        body = await self.reader.readexactly(int(length[1]) if length else 0)
        if not said.startswith(b"HTTP/1.1 200"):
            sys.exit(f"{path}: {said[:40]!r} {body[:300]!r}")


async def as_fast_as_answered(port: int, paths: list[str]) -> float:
    """Requests a second that CLIENTS connections get answered."""
    until, count = time.perf_counter() + SECONDS, 0

    async def one(turn: int) -> int:
        asked, todo = 0, cycle(paths[turn % len(paths) :] + paths[: turn % len(paths)])
        async with Connection(port) as connection:
            while time.perf_counter() < until:
                await connection.ask(next(todo))
                asked += 1
        return asked

    began = time.perf_counter()
    count = sum(await asyncio.gather(*map(one, range(CLIENTS))))
    return count / (time.perf_counter() - began)


async def by_the_clock(port: int, paths: list[str]) -> list[float]:
    """How long each of RATE requests a second took, in milliseconds, from when it should have left."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    took: list[float] = []
    opened = [await Connection(port).__aenter__() for _ in range(CLIENTS * 4)]
    for each in opened:
        free.put_nowait(each)

    async def one(path: str, due: float) -> None:
        connection = await free.get()
        await connection.ask(path)
        took.append((time.perf_counter() - due) * 1000)
        free.put_nowait(connection)

    began, todo = time.perf_counter(), cycle(paths)
    async with asyncio.TaskGroup() as group:
        for number in range(RATE * SECONDS):
            due = began + number / RATE
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(next(todo), due))
    for each in opened:
        await each.__aexit__()
    return took


def routes(port: int) -> list[str]:
    """What is asked: the routes of the page, and documents where there are some."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}, timeout=60) as client:
        for each in ROUTES:
            client.get(each).raise_for_status()  # read once, as a page that is open has it
        found = client.get("/collections")
        names = [each["name"] for each in found.json()["items"]] if found.status_code == 200 else []
        filled = next((each for each in names if client.get(f"/data?collection={each}&limit=1").json()["items"]), None)
    return [*ROUTES, f"/data?collection={filled}&limit=20"] if filled else ROUTES


def main() -> None:
    """Measure ROUNDS rounds."""
    log.configure()
    settings.load_dotenv_file()
    line.refuse_if_busy()
    rates: list[float] = []
    bare: list[float] = []
    p50: list[float] = []
    p99: list[float] = []
    with served() as port:
        paths = routes(port)
        sys.stdout.write(f"asks {', '.join(paths)}\n")
        for number in range(1, ROUNDS + 1):
            rates.append(asyncio.run(as_fast_as_answered(port, paths)))
            bare.append(asyncio.run(as_fast_as_answered(port, ["/health"])))
            took = quantiles(asyncio.run(by_the_clock(port, paths)), n=100)
            p50.append(took[49])
            p99.append(took[98])
            sys.stdout.write(
                f"round {number}: {rates[-1]:,.0f} requests/s (/health alone {bare[-1]:,.0f}); at {RATE}/s "
                f"p50 {p50[-1]:.1f} ms, p99 {p99[-1]:.1f} ms\n"
            )
    line.write("api/health-alone", median(rates), median(bare), "requests/s")
    line.write(f"api-p99-at-{RATE}-a-second/100-ms", 1000 / median(p99), 10, "1/s of the slowest in a hundred")


if __name__ == "__main__":
    main()
