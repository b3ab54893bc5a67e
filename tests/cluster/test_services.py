"""Pods reach what listens on the host's loopback, and only what is offered to them."""

import http.server
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack import jars, java
from tests.cluster import images, pods
from tests.cluster.conftest import Offer
from tests.services.copies import free_port

ASK = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1], timeout=20).read().decode(), end='')"

ROUND_TRIP = """
import sys
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
servers = {"bootstrap.servers": sys.argv[1]}
admin = AdminClient(servers)
admin.create_topics([NewTopic("there-and-back", 1, 1)])["there-and-back"].result(30)
producer = Producer(servers)
for n in range(1000):
    producer.produce("there-and-back", str(n).encode())
assert producer.flush(30) == 0
consumer = Consumer(servers | {"group.id": "g", "auto.offset.reset": "earliest"})
consumer.subscribe(["there-and-back"])
seen = []
while len(seen) < 1000:
    seen += [int(message.value()) for message in consumer.consume(1000, 0.2) if not message.error()]
print(len(seen), sum(seen))
"""


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.client_address[0]} asked for {self.path}".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """A Kafka broker on the loopback; its second listener advertises a name that only pods can resolve."""
    jars.fetch()
    inside, outside, controller = free_port(), free_port(), free_port()
    properties = tmp_path / "server.properties"
    properties.write_text(
        "process.roles=broker,controller\n"
        "node.id=1\n"
        f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n"
        "controller.listener.names=CONTROLLER\n"
        f"listeners=PLAINTEXT://127.0.0.1:{outside},CLUSTER://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}\n"
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{outside},CLUSTER://kafka-test.stack.svc:{inside}\n"
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CLUSTER:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
        "inter.broker.listener.name=PLAINTEXT\n"
        f"log.dirs={tmp_path / 'log'}\n"
        "offsets.topic.replication.factor=1\n"
        "offsets.topic.num.partitions=1\n"
        "group.initial.rebalance.delay.ms=0\n"
    )
    command = [str(java.java()), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += ["-cp", f"{jars.home()}/kafka/*"]
    formatting = [
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "-t",
        "MkU3OEVBNTcwNTJENDM2Qg",
        "-c",
        str(properties),
    ]
    subprocess.run([*command, *formatting], check=True, capture_output=True)
    log = tmp_path / "broker.log"
    with log.open("wb") as out:
        process = subprocess.Popen([*command, "kafka.Kafka", str(properties)], stdout=out, stderr=out)
    await_(lambda: listens(inside), "the broker")
    yield inside
    process.kill()
    process.wait()


def listens(port: int) -> bool:
    wanted = f"0100007F:{port:04X} 00000000:0000 0A"
    tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    return wanted in tables or f"{'0' * 16}FFFF00000100007F:{port:04X}" in tables


def await_(what: Callable[[], bool], name: str, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < give_up, f"{name} did not come in {seconds} s"
        time.sleep(0.1)


def test_a_pod_calls_a_server_on_the_hosts_loopback(offer: Offer, web: int) -> None:
    address = offer("web-test", web)
    ended = pods.run(images.tag("jobs"), "python", "-c", ASK, f"http://{address}/there")
    assert ended == pods.Ended("Succeeded", "127.0.0.1 asked for /there")


@pytest.mark.usefixtures("ours")
def test_a_pod_does_not_reach_what_is_not_offered(web: int) -> None:
    ended = pods.run(images.tag("jobs"), "python", "-c", ASK, f"http://10.250.0.2:{web}/there")
    assert ended.phase == "Failed"
    assert "Connection refused" in ended.story


def test_a_pod_produces_to_and_consumes_from_kafka_on_the_hosts_loopback(offer: Offer, broker: int) -> None:
    address = offer("kafka-test", broker)
    ended = pods.run(images.tag("jobs"), "python", "-c", ROUND_TRIP, address)
    assert ended.phase == "Succeeded", ended.story
    assert ended.story.splitlines()[-1] == f"1000 {sum(range(1000))}"
