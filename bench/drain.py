"""A queue into documents: `rabbit drain` beside a plain loop of pika and pymongo; a JSON line.

The same messages, in queues made alike, one way after the other in one run. The plain loop reads a message as JSON,
upserts it by its id with the majority's acknowledgement, and acknowledges it: it validates nothing. Both are timed from
when they may begin to the last acknowledgement, without the start of the process. What arrived is compared first: how
many documents, and which. The goal: 3 times the plain loop. Run it on a stack with documents:
`make up WITH=documents && python -m bench.drain`; COUNT and ROUNDS make it shorter.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from uuid import uuid4

from bench import line
from jobs import log, rabbit, settings
from jobs.documents import client
from jobs.rabbit import broker
from stack import documents

COUNT = int(os.environ.get("COUNT", "30000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))


def ours(queue: str) -> float:
    """Messages a second of `rabbit drain`."""
    return rabbit.drain(queue, dataset="vehicles", collection=queue, count=COUNT).rate


def plain(queue: str) -> float:
    """Messages a second of a loop that does one after the other."""
    into = client.collection(queue)
    connection = broker.connect()
    channel: Any = connection.channel()
    channel.basic_qos(prefetch_count=1000)
    begun, left = time.monotonic(), COUNT
    for method, _, body in channel.consume(queue):
        event = json.loads(body)
        into.replace_one({"_id": event["event_id"]}, event, upsert=True)
        channel.basic_ack(method.delivery_tag)
        left -= 1
        if not left:
            break
    connection.close()
    return COUNT / (time.monotonic() - begun)


def measure(way: Callable[[str], float]) -> float:
    """Fill a queue, empty it one way, and see that each event is there once."""
    queue = f"bench-{uuid4().hex[:8]}"
    rabbit.send(queue, count=COUNT)
    rate = way(queue)
    into = client.collection(queue)
    ids = {each["event_id"] for each in into.find({}, {"event_id": 1})}
    if into.count_documents({}) != COUNT or len(ids) != COUNT:
        sys.exit(f"{way.__name__}: {len(ids)} of {COUNT} events arrived")
    into.drop()
    return rate


def main() -> None:
    """Measure both ways in turn, and write the line."""
    if not documents.server():
        sys.stderr.write(f"no RabbitMQ here, nothing was measured: {documents.INSTALL}\n")
        return
    line.refuse_if_busy()
    rates: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        for way in (ours, plain):
            rates[way.__name__].append(measure(way))
    line.write("drain/pika-pymongo", median(rates["ours"]), median(rates["plain"]), "messages/s")


if __name__ == "__main__":
    log.configure()
    settings.load_dotenv_file()
    main()
