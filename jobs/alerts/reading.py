"""What is read from Kafka for the live page: alerts as they come, and how far the source and its scorer are."""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from jobs import kafka
from jobs.alerts import alert, metrics
from jobs.alerts.shown import group, shown
from jobs.alerts.state import State, Watched
from jobs.errors import JobError

log = logging.getLogger(__name__)

AGAIN = 2.0
"""How long to wait before what failed is tried again, in seconds."""

ALIVE = 90.0
"""When a thread has not come round for longer, in seconds, it hangs; a request to Kafka may take 30."""

LOOK = 15.0
"""How often to look whether the topic of alerts is still the same one, in seconds."""

MISSING = {"headrace topics apply": "headrace topics apply --file=intrusions/topics.yaml"}
"""What makes a missing topic: here it is known which file declares it."""

QUICK = {"reconnect_backoff_max_ms": 1000, "auto_offset_reset": "earliest", "queued_max_messages_kbytes": 8192}
"""Back soon when Kafka is, and not far ahead of what is counted: by default 64 MiB wait in memory."""


class Live:
    """The state, kept current by two threads that outlive any trouble with Kafka.

    Args:
        topic: The source.
        alerts: The topic of alerts.
        since: From when on alerts are counted.
    """

    def __init__(self, topic: str, alerts: str, since: datetime) -> None:
        self.topic, self.alerts, self.since = topic, alerts, since
        self.state, self.lock, self.beats = State(time.time()), Lock(), dict[str, float]()
        self.places, self.topic_id = dict[int, int](), ""
        self.cached: tuple[int, bytes] = (0, b"")

    def start(self, ended: Event) -> None:
        """Begin to read; the threads end when told, or with the process."""
        for name, work in (("alerts", self._follow), ("source", self._watch)):
            self.beats[name] = time.monotonic()
            Thread(target=self._keep, args=(name, work, ended), name=f"live-{name}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether both threads still come round."""
        return all(time.monotonic() - beat < ALIVE for beat in self.beats.values())

    def text(self) -> tuple[int, bytes]:
        """This second, and what the page shows in it as JSON: made once a second, however many ask."""
        with self.lock:
            now = time.time()
            if int(now) != self.cached[0]:
                self.state.tidy(now)
                said = json.dumps(shown(self.state, now, self.topic, self.alerts), allow_nan=False)
                self.cached = int(now), said.encode()
            return self.cached

    def metrics(self) -> bytes:
        """The same for Prometheus."""
        with self.lock:
            return metrics.text(self.state, time.time(), self.topic, self.alerts)

    def _keep(self, name: str, work: Callable[[Event], None], ended: Event) -> None:
        """Do it until told to end; what goes wrong is told once, shown on the page, and tried again."""
        told = ""
        while not ended.is_set():
            try:
                work(ended)
                told = ""
            except JobError as error:
                if str(error) != told:
                    log.warning("%s", error)
                told = str(error)
                with self.lock:
                    self.state.troubles[name] = told, MISSING.get(error.hint, error.hint)
            except Exception:
                log.exception("could not read %s", name)
            self._beat(name)
            ended.wait(AGAIN)

    def _beat(self, name: str, *, well: bool = False) -> None:
        self.beats[name] = time.monotonic()
        if well and name in self.state.troubles:
            with self.lock:
                del self.state.troubles[name]
            log.info("well again: %s", name)

    def _follow(self, ended: Event) -> None:
        """Read the topic of alerts until told to end, or until it is another one than it was."""
        client = kafka.admin()
        known = kafka.describe(self.alerts, client=client)
        if str(known.topic_id) != self.topic_id:
            self.places, self.topic_id = {}, str(known.topic_id)
        begin = {**kafka.offsets_at(self.alerts, self.since, client=client), **self.places}
        reader = kafka.consumer("headrace-alerts", **QUICK)
        try:
            reader.assign([TopicPartition(self.alerts, each, offset) for each, offset in begin.items()])
            looked = time.monotonic()
            while not ended.is_set():
                self._take(reader.consume(1000, 0.2))
                self._beat("alerts", well=True)
                if time.monotonic() - looked > LOOK:
                    now, looked = kafka.describe(self.alerts, client=client), time.monotonic()
                    if (now.topic_id, len(now.partitions)) != (known.topic_id, len(known.partitions)):
                        return
        finally:
            reader.close()

    def _take(self, batch: list[Message]) -> None:
        """Take in what was read; the place of each is kept, so that a reader that begins again counts none twice."""
        now = time.time()
        with self.lock:
            for record in batch:
                if error := record.error():
                    raise kafka.failed(f"read {self.alerts}", KafkaException(error))
                try:
                    self.state.add(alert.read(_bytes(record.key()), _bytes(record.value())), now)
                except JobError as error:
                    self.state.refuse(f"{self.alerts}/{record.partition()}/{record.offset()}: {error}")
                self.places[record.partition() or 0] = (record.offset() or 0) + 1

    def _watch(self, ended: Event) -> None:
        """Look at the source and its scorer at the beginning of every second until told to end."""
        client = kafka.admin()
        while not ended.is_set():
            watched = look(self.topic, client)
            with self.lock:
                self.state.watch(watched, time.time())
            self._beat("source", well=True)
            ended.wait(1 - time.time() % 1)


def look(topic: str, client: AdminClient) -> Watched:
    """How far a topic and its scorer are now.

    Raises:
        JobError: There is no such topic, or the cluster does not answer.
    """
    asked = ConsumerGroupTopicPartitions(group(topic))
    future = client.list_consumer_group_offsets([asked], request_timeout=kafka.REQUEST)[asked.group_id]
    bounds = kafka.watermarks(topic, client=client, committed=False)
    places = kafka.answer(future, f"list the offsets of group {asked.group_id}").topic_partitions
    return Watched(
        first={each: first for each, (first, _) in bounds.items()},
        end={each: end for each, (_, end) in bounds.items()},
        scored={each.partition: each.offset for each in places if each.topic == topic and each.offset >= 0},
    )


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
