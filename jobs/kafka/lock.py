"""One at a time on a whole cluster, by a topic of that cluster: no ZooKeeper, no Kubernetes, no clock but the broker's.

Whoever wants the lock appends a record to the one partition of `headrace.lock`, and reads on to it: the log's order
says who came first, its append times say who fell silent. A holder that was killed loses its turn when its lease ends,
or at once if the next one runs on the same machine and sees that the process is gone.
"""
# confluent-kafka types its futures as Future[Unknown], and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import json
import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread
from uuid import uuid4

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from jobs.errors import JobError
from jobs.kafka.client import REQUEST, answer, config
from jobs.kafka.queue import LEASE, Queue, Said
from jobs.kafka.who import Who, is_dead, me

log = logging.getLogger(__name__)

TOPIC = "headrace.lock"
CONFIG = {"cleanup.policy": "delete", "retention.ms": "86400000", "message.timestamp.type": "LogAppendTime"}


class Lock:
    """A turn that one process has, until it leaves or falls silent.

    Args:
        doing: What for, for those who must wait.
        scope: What nobody else may touch meanwhile: the cluster, or for example one queue.
    """

    def __init__(self, doing: str, scope: str = "") -> None:
        self.scope = scope
        self.token, self.who, self.queue = uuid4().hex, me(doing), Queue()
        # Not by kafka.producer() and consumer(), which ask again whether the cluster is there; nor idempotent,
        # for that takes up to 0.5 s more: a record that is there twice says the same.
        quick = {"retry_backoff_ms": 10, "fetch_error_backoff_ms": 10, "fetch_wait_max_ms": 50}
        self.producer = Producer(config("headrace", acks="all", retry_backoff_ms=10))
        self.reader = Consumer(config("headrace", group_id="headrace", enable_auto_commit=False, **quick))
        self.reader.list_topics(TOPIC, timeout=REQUEST)  # else it waits 0.5 s before it asks who leads the partition
        self.reader.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
        self.last, self.lost, self.ended = 0.0, False, Event()
        self.renewal = Thread(target=self._renew, name="lock", daemon=True)

    def acquire(self, patience: float) -> None:
        """Wait for the turn.

        Raises:
            JobError: Somebody else still has it after `patience` seconds.
        """
        give_up, told = time.monotonic() + patience, False
        self._see(self._say("here", self.who, self.token))
        while (first := self.queue.first) is None or first[0] != self.token:
            if first is None or self.token in self.queue.out:
                raise JobError(f"{TOPIC} did not keep this claim", hint="the same command again")
            token, who = first
            if is_dead(who):
                log.warning("taking the lock over from %s: that process is gone", who)
                self._see(self._say("gone", who, token))
                continue
            if time.monotonic() >= give_up:
                self.release()
                raise JobError(
                    f"somebody else is changing {self.scope or 'this cluster'}: {who}",
                    hint=f"wait for it (--lock-timeout=600); when it was killed, it gives way in {LEASE:.0f} s",
                )
            if not told:
                log.info("waiting for %s", who)
                told = True
            time.sleep(min(0.5, max(0.0, give_up - time.monotonic())))
            self._see(self._say("here", self.who, self.token))
        self.renewal.start()

    def check(self) -> None:
        """Go on only while the turn lasts.

        Raises:
            JobError: This process was silent for so long that another may have begun.
        """
        self.lost = self.lost or time.monotonic() - self.last > LEASE * 0.8
        if self.lost:
            raise JobError(
                "this process lost the lock (it was suspended, or could not reach Kafka); nothing more was changed",
                hint="the same command again: it goes on from what it finds",
            )

    def release(self) -> None:
        """Let the next one go on."""
        self.ended.set()
        if self.renewal.is_alive():
            self.renewal.join()
        try:
            self._say("gone", self.who, self.token)
        except JobError as error:
            log.warning("the lock ends by itself in %.0f s: %s", LEASE, error)
        self.reader.close()

    def _renew(self) -> None:
        while not self.ended.wait(LEASE / 5) and not self.lost:
            try:
                self._say("here", self.who, self.token)
            except JobError as error:
                log.warning("could not renew the lock: %s", error)

    def _say(self, kind: str, who: Who, token: str) -> int:
        """Append a record; its offset."""
        began = time.monotonic()
        if self.last and began - self.last > LEASE * 0.8 and token == self.token:
            self.lost = True
        ends: list[tuple[KafkaError | None, int]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            ends.append((error, message.offset() or 0))

        value = json.dumps({"token": token, "kind": kind, "who": who.model_dump(), "scope": self.scope})
        self.producer.produce(TOPIC, value, key=token, partition=0, on_delivery=delivered)
        self.producer.flush(LEASE)
        if not ends or ends[0][0]:
            raise JobError(f"cannot write to {TOPIC}: {ends[0][0].str() if ends and ends[0][0] else 'no answer'}")
        if token == self.token:
            self.last = began
        return ends[0][1]

    def _see(self, offset: int) -> None:
        """Read on to a record that is known to be there."""
        until, seen = time.monotonic() + REQUEST, -1
        while seen < offset:
            message = self.reader.poll(0.2)
            if message is not None and not message.error():
                kind, when = message.timestamp()
                if kind != TIMESTAMP_LOG_APPEND_TIME:
                    raise JobError(
                        f"{TOPIC} has times of its writers, not of the broker",
                        hint=f"delete topic {TOPIC}: it is made again as it must be",
                    )
                seen = message.offset() or 0
                said = Said.model_validate_json(message.value() or b"")
                if said.scope == self.scope:
                    self.queue.see(said, when)
            elif time.monotonic() > until:
                raise JobError(f"cannot read {TOPIC}: no answer within {REQUEST:.0f} s")


@contextmanager
def held(client: AdminClient, doing: str, patience: float, scope: str = "") -> Generator[Lock, None, None]:
    """Do something while nobody else changes this cluster, or what `scope` names.

    Args:
        client: An admin client.
        doing: What is done, for those who must wait: `topics apply`.
        patience: How long to wait for the turn, in seconds.
        scope: What nobody else may touch meanwhile; the cluster, if it is empty.

    Raises:
        JobError: Somebody else still has the turn then; it is named.
    """
    if TOPIC not in client.list_topics(timeout=REQUEST).topics:
        _create(client)
    lock = Lock(doing, scope)
    lock.acquire(patience)
    try:
        yield lock
    finally:
        lock.release()


def _create(client: AdminClient) -> None:
    future = client.create_topics([NewTopic(TOPIC, 1, -1, config=CONFIG)], request_timeout=REQUEST)[TOPIC]
    try:
        answer(future, f"make {TOPIC}")
    except JobError as error:
        if "already exists" not in str(error):
            raise
    until = time.monotonic() + REQUEST
    while not getattr(client.list_topics(TOPIC, timeout=REQUEST).topics.get(TOPIC), "partitions", None):
        if time.monotonic() > until:
            raise JobError(f"{TOPIC} was made, but cannot be seen", hint="headrace cluster check")
        time.sleep(0.02)
