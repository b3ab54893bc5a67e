"""What each operation of the bridge does: from what was asked to its answer."""

from starlette.responses import Response

from jobs.bridge import bodies, requests
from jobs.bridge.bridge import Bridge
from jobs.bridge.refusals import RefusedError
from jobs.bridge.requests import Asked, answer, nothing


async def info(bridge: Bridge, _: Asked) -> Response:
    """Which bridge it is."""
    return answer({"bridge_version": bridge.version})


async def healthy(bridge: Bridge, _: Asked) -> Response:
    """Whether it runs."""
    if not bridge.producing.thread.is_alive():
        raise RefusedError(500, "The bridge hears nothing of its producer")
    return nothing()


async def ready(bridge: Bridge, _: Asked) -> Response:
    """Whether requests are welcome."""
    if bridge.ended.is_set() or not await bridge.topics.reachable():
        raise RefusedError(500, "The bridge ends" if bridge.ended.is_set() else "Kafka cannot be reached")
    return nothing()


async def metrics(bridge: Bridge, _: Asked) -> Response:
    """What Prometheus reads."""
    return Response(bridge.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def openapi(bridge: Bridge, _: Asked) -> Response:
    """The document of all this."""
    return Response(bridge.document, media_type="application/json")


async def list_topics(bridge: Bridge, _: Asked) -> Response:
    """The names of topics."""
    return answer(await bridge.topics.names())


async def get_topic(bridge: Bridge, asked: Asked) -> Response:
    """A topic: settings and partitions."""
    return answer(await bridge.topics.described(asked.topic()))


async def list_partitions(bridge: Bridge, asked: Asked) -> Response:
    """The partitions of a topic."""
    return answer(await bridge.topics.partitions(asked.topic()))


async def get_partition(bridge: Bridge, asked: Asked) -> Response:
    """A partition: leader and replicas."""
    return answer(await bridge.topics.partition(asked.topic(), asked.partition()))


async def get_offsets(bridge: Bridge, asked: Asked) -> Response:
    """Where a partition begins and ends."""
    return answer(await bridge.topics.offsets(asked.topic(), asked.partition()))


async def create_topic(bridge: Bridge, asked: Asked) -> Response:
    """Make a topic."""
    await bridge.topics.create(asked.read(bodies.NewTopic))
    return nothing(201)


async def send(bridge: Bridge, asked: Asked) -> Response:
    """Records to a topic."""
    return await requests.send(bridge, asked, bodies.TopicRecords)


async def send_to_partition(bridge: Bridge, asked: Asked) -> Response:
    """Records to a partition."""
    return await requests.send(bridge, asked, bodies.PartitionRecords, asked.partition())


async def create_consumer(bridge: Bridge, asked: Asked) -> Response:
    """Make a consumer in a group."""
    return await requests.create_consumer(bridge, asked)


async def delete_consumer(bridge: Bridge, asked: Asked) -> Response:
    """Delete a consumer, which has what it was handed."""
    await bridge.consumers.delete(*asked.instance())
    return nothing()


async def subscribe(bridge: Bridge, asked: Asked) -> Response:
    """Topics by name or by pattern."""
    return await requests.subscribe(bridge, asked)


async def unsubscribe(bridge: Bridge, asked: Asked) -> Response:
    """Nothing any more."""
    await bridge.consumers.ask(*asked.instance(), lambda each, _: each.unsubscribe())
    return nothing()


async def subscriptions(bridge: Bridge, asked: Asked) -> Response:
    """The topics that a consumer reads, and its partitions."""
    return answer(await bridge.consumers.ask(*asked.instance(), lambda each, _: each.subscription()))


async def assign(bridge: Bridge, asked: Asked) -> Response:
    """Partitions, without the group."""
    wanted = asked.read(bodies.Partitions).partitions
    await bridge.consumers.ask(*asked.instance(), lambda each, _: each.assign(wanted))
    return nothing()


async def poll(bridge: Bridge, asked: Asked) -> Response:
    """The next records."""
    return await requests.poll(bridge, asked)


async def commit(bridge: Bridge, asked: Asked) -> Response:
    """These offsets, or those of all records fetched."""
    wanted = asked.read(bodies.Offsets).offsets
    await bridge.consumers.ask(*asked.instance(), lambda each, _: each.commit(wanted))
    return nothing()


async def seek(bridge: Bridge, asked: Asked) -> Response:
    """From these offsets."""
    wanted = asked.read(bodies.Offsets).offsets
    await bridge.consumers.ask(*asked.instance(), lambda each, _: each.seek(wanted))
    return nothing()


async def seek_to(bridge: Bridge, asked: Asked, *, end: bool) -> Response:
    """From the first record, or from behind the last."""
    wanted = asked.read(bodies.Partitions).partitions
    await bridge.consumers.ask(*asked.instance(), lambda each, _: each.seek_to(wanted, end=end))
    return nothing()
