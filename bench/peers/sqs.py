"""One way to send a topic to a queue, measured from its first request to its last answer: a process of its own.

`python bench/peers/sqs.py NAME TOPIC QUEUE`; NAME is `ours`, `boto3` or `aiobotocore`, and the environment says the
rest. All send the same bodies and attributes, ten a request, 128 requests at once. Prints one JSON object. Of ours,
reading the topic, accounting and writing progress are part of what is measured; the peers have all messages in memory.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 128
Batch = list[dict[str, Any]]


def batches(topic: str) -> list[Batch]:
    """The whole topic as SendMessageBatch takes it."""
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415 - each way needs other packages

    config = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "headrace"}
    reader = Consumer({**config, "enable.auto.commit": False, "fetch.queue.backoff.ms": 5})
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    left = {each: reader.get_watermark_offsets(TopicPartition(topic, each), timeout=10)[1] for each in partitions}
    reader.assign([TopicPartition(topic, each, 0) for each in left])
    entries: Batch = []
    for _ in range(sum(left.values())):
        record: Any = reader.poll(10)
        origin = f"{topic}/{record.partition()}/{record.offset()}"
        attributes = {
            "origin": {"DataType": "String", "StringValue": origin},
            "content-type": {"DataType": "String", "StringValue": "application/json"},
        }
        body = record.value().decode()
        entries.append({"Id": str(len(entries) % 10), "MessageBody": body, "MessageAttributes": attributes})
    reader.close()
    return [entries[first : first + 10] for first in range(0, len(entries), 10)]


def cpu() -> float:
    """Seconds of CPU that this process used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(topic: str, queue: str) -> tuple[int, float]:
    """`sqs export`; reading is part of it."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    from jobs import log, sqs  # noqa: PLC0415

    log.configure()
    began = cpu()
    done: Any = sqs.export.run(queue, topic=topic, in_flight=AT_ONCE)
    return done.accepted, cpu() - began


def boto3(topic: str, queue: str) -> tuple[int, float]:
    """boto3, with a pool of threads."""
    import boto3 as library  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    client: Any = library.client("sqs", config=Config(max_pool_connections=AT_ONCE))
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    todo, began = batches(topic), cpu()

    def send(batch: Batch) -> int:
        return len(client.send_message_batch(QueueUrl=url, Entries=batch)["Successful"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        count = sum(pool.map(send, todo))
    return count, cpu() - began


def aiobotocore(topic: str, queue: str) -> tuple[int, float]:
    """aiobotocore, with as many tasks."""
    from aiobotocore.config import AioConfig  # pyright: ignore[reportMissingImports] # noqa: PLC0415
    from aiobotocore.session import get_session  # pyright: ignore[reportMissingImports] # noqa: PLC0415

    todo = batches(topic)

    async def run() -> tuple[int, float]:
        async with get_session().create_client("sqs", config=AioConfig(max_pool_connections=AT_ONCE)) as client:
            url = (await client.get_queue_url(QueueName=queue))["QueueUrl"]
            left, began = iter(todo), cpu()

            async def work() -> int:
                count = 0
                for batch in left:
                    count += len((await client.send_message_batch(QueueUrl=url, Entries=batch))["Successful"])
                return count

            count = sum(await asyncio.gather(*(work() for _ in range(AT_ONCE))))
            return count, cpu() - began

    return asyncio.run(run())


WAYS: dict[str, Callable[[str, str], tuple[int, float]]] = {"ours": ours, "boto3": boto3, "aiobotocore": aiobotocore}

if __name__ == "__main__":
    sys.path.pop(0)  # this folder, where `sqs` would be this file
    begun = time.perf_counter()
    sent, used = WAYS[sys.argv[1]](*sys.argv[2:4])
    sys.stdout.write(json.dumps({"sent": sent, "cpu": used, "process": time.perf_counter() - begun}) + "\n")
