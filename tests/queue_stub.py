"""A stand-in for SQS that only answers, says exactly what it took, and fails as it is told; one process, asyncio.

It speaks both of SQS's protocols (JSON as boto3 does, query as Java's SDK 2.16 does), so every client can be measured
on it, and S3's PUT and GET of one object. `python -m tests.queue_stub PORT [LATENCY in ms] [keep]`. What it took is
said by `GET /taken`, which counts and fingerprints, and by `GET /bodies` (`keep`), and forgotten by `GET /forget`.
"""

import asyncio
import random
import signal
import sys
import time
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

FORGETS = 300.0


@dataclass
class Faults:
    """What goes wrong, each as a probability; `throttled` is until when, in seconds of the monotonic clock."""

    transient: float = 0
    sender: float = 0
    neither: float = 0
    resets: float = 0
    throttled: float = 0
    everything: str = ""
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311


@dataclass
class Taken:
    """What a queue took, in order."""

    bodies: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    count: int = 0
    sum: int = 0
    ids: dict[str, float] = field(default_factory=dict[str, float])
    refused: Counter[str] = field(default_factory=Counter[str])
    requests: int = 0
    first: float = 0.0
    last: float = 0.0
    throttles: int = 0


class Stub:
    """All queues of one server, all of them one and the same.

    Args:
        latency: Seconds between a request and its answer.
        keep: Whether bodies are kept, and not only counted.
        limit: MaximumMessageSize.
    """

    def __init__(self, *, latency: float = 0, keep: bool = True, limit: int = 262_144) -> None:
        self.latency, self.keep, self.limit = latency, keep, limit
        self.faults, self.taken = Faults(), Taken()
        self.objects: dict[str, bytes] = {}
        self.clock = 0.0  # seconds by which the stub's time is ahead
        self.created = "1795000000"
        self.port = 0
        self.connections: set[Any] = set()

    async def serve(self, port: int) -> asyncio.Server:
        """Listen on loopback."""
        server = await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def answer(self, method: str, path: str, headers: bytes, body: bytes) -> tuple[int, bytes]:
        """Status and body; status 0 closes the connection."""
        if b"amazonsqs." in headers:
            action = headers.split(b"amazonsqs.", 1)[1].split(b"\r", 1)[0].decode()
            return self._json(action, orjson.loads(body))
        if method == "GET" and path in ("/taken", "/bodies", "/forget"):
            return 200, self._said(path)
        if method == "POST":
            return self._query({name: each[0] for name, each in parse_qs(body.decode()).items()})
        if method == "PUT":
            self.objects[unquote(path)] = body
            return 200, b""
        return (200, self.objects[unquote(path)]) if unquote(path) in self.objects else (404, b"")

    def _said(self, path: str) -> bytes:
        taken = self.taken
        if path == "/forget":
            self.taken = Taken()
        if path == "/bodies":
            return orjson.dumps(taken.bodies)
        seconds = taken.last - taken.first
        return orjson.dumps(
            {"count": taken.count, "sum": str(taken.sum), "requests": taken.requests, "seconds": seconds}
        )

    def _json(self, action: str, given: dict[str, Any]) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.port}/000000000000/{given.get('QueueName', 'q')}"
        if action == "sendmessagebatch":
            return self._batch(given)
        if action in ("getqueueurl", "createqueue"):
            return 200, orjson.dumps({"QueueUrl": url})
        if action == "getqueueattributes":
            name = given["QueueUrl"].rpartition("/")[2]
            said = {"QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name}", "MaximumMessageSize": str(self.limit)}
            said |= {"CreatedTimestamp": self.created}
            return 200, orjson.dumps({"Attributes": said | ({"FifoQueue": "true"} if name.endswith(".fifo") else {})})
        return 400, orjson.dumps({"__type": "com.amazonaws.sqs#UnsupportedOperation", "message": action})

    def _batch(self, given: dict[str, Any]) -> tuple[int, bytes]:
        faults = self.faults
        self.taken.requests += 1
        code = "RequestThrottled" if time.monotonic() < faults.throttled else faults.everything
        if code:
            self.taken.throttles += 1
            return 400, orjson.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "no"})
        if faults.resets and faults.chance.random() < faults.resets / 2:
            return 0, b""  # it never arrived
        answer = self._fates(given["Entries"])
        if faults.resets and faults.chance.random() < faults.resets / 2:
            return 0, b""  # it arrived, and nobody learns of it
        return 200, answer

    def _fates(self, entries: list[dict[str, Any]]) -> bytes:
        faults = self.faults
        good: list[dict[str, str]] = []
        bad: list[dict[str, Any]] = []
        for entry in entries:
            body, fate = entry["MessageBody"], faults.chance.random()
            # A message that is refused is refused each time.
            if faults.sender and random.Random(body).random() < faults.sender:  # noqa: S311
                self.taken.refused[body] += 1
                bad.append({"Id": entry["Id"], "SenderFault": True, "Code": "InvalidMessageContents", "Message": "no"})
            elif fate < faults.transient:
                bad.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "again"})
            elif fate >= faults.transient + faults.neither:
                digest = self._take(entry)
                good.append({"Id": entry["Id"], "MessageId": digest, "MD5OfMessageBody": digest})
        return orjson.dumps({"Successful": good, "Failed": bad})

    def _take(self, entry: dict[str, Any]) -> str:
        body, id = entry["MessageBody"], entry.get("MessageDeduplicationId", "")
        digest = md5(body.encode(), usedforsecurity=False).hexdigest()
        if id:
            now = time.monotonic() + self.clock
            if now - self.taken.ids.get(id, -FORGETS) < FORGETS:
                return digest
            self.taken.ids[id] = now
        self.taken.last = time.monotonic()
        self.taken.first = self.taken.first or self.taken.last
        self.taken.count += 1
        self.taken.sum = (self.taken.sum + int(digest[:15], 16)) & 0xFFFFFFFFFFFFFFFF
        if self.keep:
            origin = entry.get("MessageAttributes", {}).get("origin", {}).get("StringValue", "")
            self.taken.bodies.append((origin, entry.get("MessageGroupId", ""), body))
        return digest

    def _query(self, given: dict[str, str]) -> tuple[int, bytes]:
        action = given.get("Action", "")
        if action == "SendMessage":
            self.taken.requests += 1
            digest = self._take(given)
            inner = f"<MessageId>{digest}</MessageId><MD5OfMessageBody>{digest}</MD5OfMessageBody>"
            if attributes := digest_of_attributes(given):
                inner += f"<MD5OfMessageAttributes>{attributes}</MD5OfMessageAttributes>"
        else:
            inner = f"<QueueUrl>http://127.0.0.1:{self.port}/000000000000/{given.get('QueueName', 'q')}</QueueUrl>"
        said = f"<{action}Result>{inner}</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
        return (
            200,
            f'<{action}Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/">{said}</{action}Response>'.encode(),
        )


def digest_of_attributes(given: dict[str, str]) -> str:
    """What Java's SDK compares with its own: the MD5 of all attributes by name, each part after its length."""
    found: dict[str, tuple[str, bytes, bytes]] = {}
    for number in range(1, 11):
        at = f"MessageAttribute.{number}"
        if f"{at}.Name" not in given:
            break
        text, binary = given.get(f"{at}.Value.StringValue"), given.get(f"{at}.Value.BinaryValue", "")
        transport, value = (b"\x01", text.encode()) if text is not None else (b"\x02", b64decode(binary))
        found[given[f"{at}.Name"]] = (given[f"{at}.Value.DataType"], transport, value)
    whole = b""
    for name, (kind, transport, value) in sorted(found.items()):
        for part in (name.encode(), kind.encode()):
            whole += len(part).to_bytes(4, "big") + part
        whole += transport + len(value).to_bytes(4, "big") + value
    return md5(whole, usedforsecurity=False).hexdigest() if found else ""


class Connection(asyncio.Protocol):
    """One connection, kept open; requests one after the other."""

    def __init__(self, stub: Stub) -> None:
        self.stub, self.data = stub, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.stub.connections.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.stub.connections.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end]
            lower = head.lower() + b"\r\n"
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 : lower.find(b"\r", at)]) if at >= 0 else 0
            if len(self.data) < end + 4 + length:
                if b"100-continue" in lower:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body, self.data = self.data[end + 4 : end + 4 + length], self.data[end + 4 + length :]
            method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            status, said = self.stub.answer(method, path, lower, body)
            if not status:
                self.transport.abort()
                return
            kind = b"text/xml" if said[:1] == b"<" else b"application/x-amz-json-1.0"
            answer = b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
                status,
                kind,
                len(said),
                said,
            )
            if self.stub.latency:
                asyncio.get_running_loop().call_later(self.stub.latency, self.transport.write, answer)
            else:
                self.transport.write(answer)


async def main(port: int, latency: float, *, keep: bool) -> None:
    """Serve until told to end."""
    server = await Stub(latency=latency, keep=keep).serve(port)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with server:
        await ended.wait()


if __name__ == "__main__":
    port, latency, keep = (*sys.argv[1:], "0", "")[:3]
    asyncio.run(main(int(port), float(latency) / 1000, keep=keep == "keep"))
