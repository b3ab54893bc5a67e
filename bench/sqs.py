"""A topic into a queue: `sqs export`, Camel's SQS sink, boto3 with a thread pool, and aiobotocore; a JSON line each.

All in one run, alternately, on the same topic: first against a stand-in that only answers (`tests/queue_stub.py`),
without and with 15 ms of latency, which shows what the clients themselves can do; then against ElasticMQ, which shows
what a queue lets them. Camel runs once with latency and on ElasticMQ, as it takes minutes. What arrived is compared
first: how many messages, and a fingerprint of their bodies. Times on the stand-in are its own, from the first message
that it took to the last; so are they for Camel, which has no other. The goals on the stand-in: 3 times aiobotocore, 10
times Camel. Run it on a stack: `make bench`, or `python -m bench.sqs`; COUNT and ROUNDS make it shorter.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import boto3
import httpx
import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench import line
from jobs import kafka, log, settings

COUNT = int(os.environ.get("COUNT", "50000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
LATENCIES = (0, 15)
ROOT = Path(__file__).parents[1]
WAYS = ("ours", "aiobotocore", "boto3", "camel")


@dataclass(frozen=True)
class Run:
    """One way, once: seconds, CPU seconds of the client, and what arrived (how many, and a fingerprint)."""

    seconds: float
    cpu: float
    arrived: tuple[int, str]

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.arrived[0] / self.seconds


def fill() -> str:
    """A topic with COUNT messages of about 200 bytes, and its name."""
    name = f"bench-{uuid4().hex[:8]}"
    config = {"bootstrap.servers": settings.load(settings.Kafka).bootstrap_servers, "linger.ms": 20}
    client = AdminClient(config)  # ends its requests when nobody holds it
    for made in client.create_topics([NewTopic(name, 6, 1), NewTopic(f"{name}.dlq", 1, 1)]).values():
        made.result()
    producer = Producer(config)
    for number in range(COUNT):
        producer.produce(name, json.dumps({"n": number, "text": "x" * 180}), key=str(number % 200))
        if number % 1000 == 0:
            producer.poll(0)
    producer.flush()
    return name


def venv() -> str:
    """A Python that has aiobotocore, which wants another botocore than ours; empty if it can't be had."""
    home = ROOT / ".cache/bench-aiobotocore"
    python, uv = home / "bin/python", shutil.which("uv") or str(ROOT / ".cache/uv/bin/uv")
    if not python.exists():
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(home)]
        add = [uv, "pip", "install", "--quiet", "--python", str(python), "aiobotocore", "confluent-kafka"]
        try:
            if any(subprocess.run(each, check=False).returncode for each in (make, add)):
                shutil.rmtree(home, ignore_errors=True)
                return ""
        except OSError:
            return ""
    return str(python)


def send(way: str, python: str, topic: str, queue: str, url: str) -> dict[str, Any]:
    """Run one of the Python ways; what it says."""
    environment = {**os.environ, "AWS_ENDPOINT_URL_SQS": url}
    words = [python, str(ROOT / "bench/peers/sqs.py"), way, topic, queue]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{way}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def camel(topic: str, queue: str, url: str, arrived: Any) -> float:
    """Run Camel's sink until everything arrived; the CPU seconds that Connect used, or 0 if nobody can say."""
    connect = settings.load(settings.Connect).url
    config = {
        "connector.class": "org.apache.camel.kafkaconnector.CamelSinkConnector",
        "tasks.max": "4",
        "topics": topic,
        "camel.sink.url": f"aws2-sqs:{queue}?region=us-east-1&useDefaultCredentialsProvider=true"
        f"&overrideEndpoint=true&uriEndpointOverride={url}",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "consumer.override.auto.offset.reset": "earliest",
    }
    # By the topic, so that nobody else's connector is meant.
    name = f"{topic}-{uuid4().hex[:4]}"
    began = _cpu_of_connect(connect)
    httpx.put(f"{connect}/connectors/{name}/config", json=config, timeout=60).raise_for_status()
    try:
        until = time.monotonic() + 120 + COUNT / 100
        while arrived() < COUNT:
            if time.monotonic() > until:
                sys.exit(f"camel: {arrived()} of {COUNT} messages arrived")
            tasks = httpx.get(f"{connect}/connectors/{name}/status", timeout=60).json().get("tasks", [])
            for each in tasks:
                if each["state"] == "FAILED":
                    sys.exit(f"camel: {each['trace'][-2000:]}")
            time.sleep(0.25)
        return _cpu_of_connect(connect) - began
    finally:
        httpx.delete(f"{connect}/connectors/{name}", timeout=60)


def _cpu_of_connect(url: str) -> float:
    port = httpx.URL(url).port
    for each in psutil.net_connections("tcp"):
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port and each.pid:
            used = psutil.Process(each.pid).cpu_times()
            return used.user + used.system
    return 0.0


def on_stub(way: str, python: str, topic: str, url: str) -> Run:
    """One way against the stand-in."""
    httpx.get(f"{url}/forget")
    # A queue of its own for each run: what was exported to one is not exported to it again.
    queue = f"q-{uuid4().hex[:8]}"
    if way == "camel":
        used = camel(topic, queue, url, lambda: httpx.get(f"{url}/taken").json()["count"])
    else:
        used = send(way, python, topic, queue, url)["cpu"]
    said = httpx.get(f"{url}/taken").json()
    return Run(said["seconds"], used, (said["count"], said["sum"]))


def on_elasticmq(way: str, python: str, topic: str, sqs: Any, url: str) -> Run:
    """One way against ElasticMQ, timed as the stand-in does it: from the first messages that it holds to the last."""
    queue = f"bench-{uuid4().hex[:8]}"
    address = sqs.create_queue(QueueName=queue)["QueueUrl"]

    def held() -> int:
        return int(sqs.get_queue_attributes(QueueUrl=address, AttributeNames=["All"])["Attributes"][NAME])

    seen: list[tuple[float, int]] = []

    def look() -> None:
        while not ended.wait(0.02) and (not seen or seen[-1][1] < COUNT):
            if count := held():
                seen.append((time.perf_counter(), count))

    ended = Event()
    watch = Thread(target=look, daemon=True)
    watch.start()
    try:
        used = camel(topic, queue, url, held) if way == "camel" else send(way, python, topic, queue, url)["cpu"]
        watch.join(10)
        (began, first), (end, last) = seen[0], next(each for each in seen if each[1] == seen[-1][1])
        seconds = (end - began) * last / max(1, last - first)
        return Run(seconds or 0.02, used, (held(), ""))
    finally:
        ended.set()
        watch.join(10)
        sqs.delete_queue(QueueUrl=address)


NAME = "ApproximateNumberOfMessages"


def judge(where: str, runs: dict[str, list[Run]], goals: dict[str, float]) -> None:
    """Compare what arrived, and write a line for each peer."""
    arrived = {each.arrived for of in runs.values() for each in of}
    if len(arrived) != 1 or next(iter(arrived))[0] != COUNT:
        sys.exit(f"{where}: not the same messages arrived: {arrived}")
    for way, found in runs.items():
        rate = median(each.rate for each in found)
        cpu = median(each.arrived[0] / each.cpu if each.cpu else 0 for each in found)
        sys.stdout.write(f"{where:<16} {way:<12} {rate:>10,.0f} messages/s {cpu:>10,.0f} messages/CPU-s\n")
    ours = median(each.rate for each in runs["ours"])
    for way in list(runs)[1:]:
        peer = median(each.rate for each in runs[way])
        line.write(f"sqs-{where}/{way}", ours, peer, "messages/s")
        if way in goals:
            met = "met" if ours / peer >= goals[way] else "MISSED"
            sys.stdout.write(f"goal {goals[way]:.0f} x {way} {met}: {ours / peer:.1f}\n")


def rounds(ways: list[str], run: Callable[[str], Run], *, slow: bool) -> dict[str, list[Run]]:
    """All ways in turn, ROUNDS times; Camel once where it is slow, as it takes minutes."""
    found: dict[str, list[Run]] = {way: [] for way in ways}
    for number in range(ROUNDS):
        for way in ways:
            if not (slow and way == "camel" and number):
                found[way].append(run(way))
    return found


def main() -> None:
    """Measure ROUNDS rounds in each place."""
    log.configure()
    settings.load_dotenv_file()
    line.refuse_if_busy()
    python, topic = venv(), fill()
    ways = [way for way in WAYS if python or way != "aiobotocore"]
    if not python:
        sys.stdout.write("aiobotocore could not be installed: it is left out\n")
    pythons = {"ours": sys.executable, "boto3": sys.executable, "aiobotocore": python, "camel": ""}
    try:
        for latency in LATENCIES:
            with stand_in(latency) as url:
                runs = rounds(ways, lambda way, at=url: on_stub(way, pythons[way], topic, at), slow=bool(latency))
            judge(f"stub-{latency}ms", runs, {"aiobotocore": 3, "camel": 10})
        sqs: Any = boto3.client("sqs")
        places = rounds(ways, lambda way: on_elasticmq(way, pythons[way], topic, sqs, sqs.meta.endpoint_url), slow=True)
        judge("elasticmq", places, {})
    finally:
        admin = kafka.admin()  # ends its requests when nobody holds it
        for gone in admin.delete_topics([topic, f"{topic}.dlq"]).values():
            gone.result()


@contextmanager
def stand_in(latency: int) -> Generator[str]:
    """The stand-in on a free port; its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "tests.queue_stub", str(port), str(latency)], cwd=ROOT)
    try:
        until = time.monotonic() + 20
        while not _answers(f"http://127.0.0.1:{port}") and time.monotonic() < until:
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/taken").is_success
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
