"""From requests to what they ask for, and back: the one place that knows HTTP."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from jobs.bridge import bodies, formats
from jobs.bridge.bodies import Body
from jobs.bridge.bridge import Bridge
from jobs.bridge.consumer import Instance
from jobs.bridge.formats import BY_TYPE, PLAIN
from jobs.bridge.refusals import RefusedError

B = TypeVar("B", bound=Body)

TIMEOUT = 100
"""How long a request for records waits when it does not say, in milliseconds; the same as Strimzi's."""

INVALID = "Validation error on: Schema validation error"
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Asked:
    """One request.

    Args:
        request: As it came.
        owner: Whose key it bears; empty when no keys are asked for.
        kind: Its content type.
        text: Its body.
    """

    request: Request
    owner: str
    kind: str
    text: bytes

    @property
    def path(self) -> dict[str, str]:
        """The variable parts of its address."""
        return self.request.path_params

    def instance(self) -> tuple[str, str, str]:
        """Owner, group and name of the consumer that it is about."""
        return self.owner, self.path["groupid"], self.path["name"]

    def topic(self) -> str:
        """The topic of its address.

        Raises:
            RefusedError: 404, no topic can be called so.
        """
        name = self.path["topicname"]
        if not re.fullmatch(bodies.TOPIC, name) or name in (".", ".."):
            raise RefusedError(404, "The specified topic was not found: no topic can be called so.")
        return name

    def partition(self) -> int:
        """The partition of its address."""
        return _number(self.path["partitionid"], "partitionid")

    def read(self, kind: type[B]) -> B:
        """Its body."""
        return bodies.read(kind, self.text)

    def number(self, name: str, default: int) -> int:
        """A parameter that is a number."""
        said = self.request.query_params.get(name)
        return default if said is None else _number(said, name)

    def flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        said = self.request.query_params.get(name, "false")
        if said not in ("true", "false"):
            raise RefusedError(400, INVALID, [f"{name}: it is true or false"])
        return said == "true"


def owner(bridge: Bridge, request: Request) -> str:
    """Whose key a request bears.

    Raises:
        RefusedError: 401, nobody's.
    """
    if bridge.keys is None:
        return ""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    found = bridge.keys.who(key.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", ""))
    if found is None:
        raise RefusedError(401, "A key is needed: Authorization: Bearer KEY, or X-API-Key: KEY")
    return found


async def body(request: Request, most: int) -> bytes:
    """A request's body.

    Raises:
        RefusedError: 413, it is too large.
    """
    said = request.headers.get("content-length", "")
    parts: list[bytes] = []
    room = most
    if said.isdigit() and int(said) > most:
        room = -1
    else:
        async for part in request.stream():
            parts.append(part)
            room -= len(part)
            if room < 0:
                break
    if room < 0:
        raise RefusedError(413, f"The body has more than {most} bytes; send fewer records at a time")
    return b"".join(parts)


def answer(said: object, status: int = 200, kind: str = PLAIN) -> Response:
    """An answer of JSON."""
    return Response(to_json(said), status, media_type=kind)


def nothing(status: int = 204) -> Response:
    """An answer without a body."""
    return Response(status_code=status)


async def send(
    bridge: Bridge,
    asked: Asked,
    kind: type[bodies.TopicRecords] | type[bodies.PartitionRecords],
    partition: int | None = None,
) -> Response:
    """Write records; the answer has the fate of each, in their order."""
    waits = not asked.flag("async")
    topic = asked.topic()
    records = formats.sent(asked.read(kind).records, BY_TYPE[asked.kind], partition)
    if bridge.ended.is_set():
        raise RefusedError(503, "The bridge ends")
    if not waits:
        await bridge.producing.post(topic, records)
        return nothing()
    outcomes = await bridge.producing.send(topic, records)
    said = [
        each.body() if isinstance(each, RefusedError) else {"partition": each[0], "offset": each[1]}
        for each in outcomes
    ]
    return answer({"offsets": said})


async def create_consumer(bridge: Bridge, asked: Asked) -> Response:
    """Make a consumer, and say at which address it is."""
    base = _base(asked.request)
    name = await bridge.consumers.create(asked.owner, asked.path["groupid"], asked.read(bodies.NewConsumer))
    return answer({"instance_id": name, "base_uri": f"{base}/instances/{name}"})


async def subscribe(bridge: Bridge, asked: Asked) -> Response:
    """Subscribe a consumer to names, or to a pattern."""
    wanted = asked.read(bodies.Topics)
    names, pattern = wanted.topics, wanted.topic_pattern
    if names is not None and pattern is not None:
        raise RefusedError(409, "Subscriptions to topics, partitions, and patterns are mutually exclusive.")
    if pattern:
        await bridge.consumers.ask(*asked.instance(), lambda each, _: each.subscribe_to(pattern))
    elif names is not None:
        await bridge.consumers.ask(*asked.instance(), lambda each, _: each.subscribe(names))
    else:
        raise RefusedError(422, "A list (of Topics type) or a topic_pattern must be specified.")
    return nothing()


async def poll(bridge: Bridge, asked: Asked) -> Response:
    """The next records of a consumer; when its client is gone before it has them, they come again."""
    wait, most_bytes = asked.number("timeout", TIMEOUT) / 1000, asked.number("max_bytes", 2**63)
    accept = asked.request.headers.get("accept")
    form: list[formats.Format] = []

    def look(each: Instance, ended: Callable[[], bool]) -> tuple[int, bytes]:
        if not formats.acceptable(accept, each.format):
            why = "Consumer format does not match the embedded format requested by the Accept header."
            raise RefusedError(406, why)
        form.append(each.format)
        return each.records(wait, most_bytes, bridge.max_records, ended)

    gone = asked.request.is_disconnected
    count, text = await bridge.consumers.ask(*asked.instance(), look, gone)
    if not await gone():
        bridge.metrics.fetched.inc(count)
    return Response(text, media_type=form[0].type)


def _number(said: str, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", said):
        raise RefusedError(400, INVALID, [f"{name}: it is a number, and not negative"])
    return int(said)


def _base(request: Request) -> str:
    """The address of the group as the client knows it, which may be a gateway's."""
    headers = request.headers
    scheme, host = request.url.scheme, headers.get("host", request.url.netloc)
    said = {
        name.strip().lower(): value.strip(' "')
        for name, _, value in (
            part.partition("=") for part in headers.get("forwarded", "").partition(",")[0].split(";")
        )
    }
    if "host" in said and "proto" in said:
        scheme, host = said["proto"], said["host"]
    elif headers.get("x-forwarded-host") and headers.get("x-forwarded-proto"):
        scheme, host = headers["x-forwarded-proto"], headers["x-forwarded-host"]
    if scheme not in PORTS:
        raise RefusedError(400, f"{scheme} is not a valid schema/proto.")
    if not re.search(r":\d+$", host):
        host = f"{host}:{PORTS[scheme]}"
    return f"{scheme}://{host}{(headers.get('x-forwarded-path') or request.url.path).rstrip('/')}"
