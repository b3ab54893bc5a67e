"""One consumer of a client. Every method blocks, and only one may run at a time: `consumers` sees to both."""
# confluent-kafka types little of its Consumer, and exports names without saying so:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportPrivateImportUsage=false

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from jobs import kafka
from jobs.bridge import clients, formats
from jobs.bridge.bodies import NewConsumer, Place, Position
from jobs.bridge.formats import UndecodableError
from jobs.bridge.refusals import STATUS, RefusedError, exclusive, refused
from jobs.bridge.topics import matching

log = logging.getLogger(__name__)

SLICE = 0.2
"""How long one look for records takes, in seconds: so soon a waiting request hears that it is to end."""

REFRESH = 30.0
"""How long a pattern's topics are believed, in seconds."""

Spot = tuple[str, int]


class Instance:
    """A consumer that its client drives by requests.

    What was handed out is committed (`enable.auto.commit`) when the client asks for more or deletes the consumer,
    never before: a client that dies with an answer in its hands is given the same records again.

    Args:
        group: The consumer group.
        name: Its own name within the group.
        wanted: Its settings.
        idle: After how long without a request it is closed, in seconds.

    Raises:
        RefusedError: 422, a setting has a value that it cannot have.
        JobError: The cluster cannot be reached.
    """

    def __init__(self, group: str, name: str, wanted: NewConsumer, idle: float) -> None:
        if wanted.format not in formats.FORMATS:
            raise RefusedError(422, "Invalid format type.")
        self.group, self.name, self.format = group, name, formats.FORMATS[wanted.format]
        self.commits, self.longest = wanted.enable_auto_commit, wanted.request_timeout_ms / 1000
        self.kind: Literal["nothing", "topics", "pattern", "partitions"] = "nothing"
        self.topics: list[str] = []
        self.pattern, self.matched_at = "", 0.0
        self.handed: dict[Spot, int] = {}
        self.unsettled: dict[Spot, int] = {}
        self.last: dict[Spot, int] = {}
        self.client: Consumer = clients.client(group, name, wanted, idle)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Read these topics, instead of what was subscribed to before; of none, nothing."""
        self._not_assigned()
        if not topics:
            return self.unsubscribe()
        self.kind, self.topics, self.pattern = "topics", list(topics), ""
        return self._subscribe()

    def subscribe_to(self, pattern: str) -> None:
        """Read every topic whose whole name matches, also those that are yet to come."""
        self._not_assigned()
        matching(pattern, ())
        self.kind, self.pattern = "pattern", pattern
        self.topics = []
        self._refresh(now=True)

    def assign(self, places: Sequence[Place]) -> None:
        """Read these partitions, without the group."""
        if self.kind in ("topics", "pattern"):
            raise exclusive()
        if not places:
            return self.unsubscribe()
        self._settle()
        self.handed.clear()
        self.kind, self.topics = "partitions", sorted({each.topic for each in places})
        self.client.assign([TopicPartition(each.topic, each.partition) for each in places])
        return None

    def unsubscribe(self) -> None:
        """Read nothing."""
        self._settle()
        self.client.unsubscribe()
        self.client.unassign()
        self.kind, self.topics, self.pattern = "nothing", [], ""
        self.handed.clear()

    def subscription(self) -> dict[str, object]:
        """What it reads, and which partitions of that are its own."""
        own: dict[str, list[int]] = {}
        for each in sorted(self.client.assignment(), key=lambda each: (each.topic, each.partition)):
            own.setdefault(each.topic, []).append(each.partition)
        return {"topics": sorted({*self.topics, *own}), "partitions": [{name: those} for name, those in own.items()]}

    def records(self, wait: float, most_bytes: int, most: int, ended: Callable[[], bool]) -> tuple[int, bytes]:
        """The next records as JSON, and how many: those that are there, or else the first that come.

        Args:
            wait: How long to wait for the first, in seconds.
            most_bytes: How many bytes of keys and values the answer may hold.
            most: How many records.
            ended: Whether there is no time left.

        Raises:
            RefusedError: 406, a record is nothing of the format: it is passed over. 422, one alone is too large:
                it comes again. 500, nothing is subscribed to.
        """
        if self.kind == "nothing":
            raise RefusedError(500, "Consumer is not subscribed to any topics or assigned any partitions")
        self._settle()
        self.last = {}
        self._refresh()
        first = self._first(min(wait, self.longest), ended)
        if first is None:
            return 0, b"[]"
        more = [each for each in self.client.consume(most - 1, 0) if not self._heeded(each)] if most > 1 else []
        return self._answer([first, *more], most_bytes)

    def take_back(self) -> None:
        """The client went away before its last answer: what was in it comes again."""
        for (topic, partition), offset in self.last.items():
            try:
                self._seek(topic, partition, offset)
            except RefusedError as error:
                log.info("%s of %s: %s-%d: %s", self.name, self.group, topic, partition, error)

    def commit(self, positions: Sequence[Position]) -> None:
        """Keep these places for the group; without any, those behind the records that were handed out."""
        places = {(each.topic, each.partition): each.offset for each in positions} or self.handed
        if not places:
            return
        wanted = [TopicPartition(topic, partition, offset) for (topic, partition), offset in places.items()]
        for each in self._told(lambda: self.client.commit(offsets=wanted, asynchronous=False)) or ():
            if each.error:
                raise refused(each.error)
        self.unsettled.clear()

    def seek(self, positions: Sequence[Position]) -> None:
        """Go on from these places."""
        self._own(positions)
        for each in positions:
            self._seek(each.topic, each.partition, each.offset)

    def seek_to(self, places: Sequence[Place], *, end: bool) -> None:
        """Go on from the first record of these partitions, or from behind the last that is there now."""
        self._own(places)
        for each in places:
            low, high = self._told(
                lambda each=each: self.client.get_watermark_offsets(
                    TopicPartition(each.topic, each.partition), timeout=kafka.REQUEST, cached=False
                )
            )
            self._seek(each.topic, each.partition, high if end else low)

    def close(self, *, settled: bool) -> None:
        """Leave the group; `settled` says that the client has what it was handed."""
        if settled:
            self._settle()
        self.client.close()

    def _not_assigned(self) -> None:
        if self.kind == "partitions":
            raise exclusive()

    def _subscribe(self) -> None:
        self.client.subscribe(self.topics, on_revoke=self._lose, on_lost=self._lose)

    def _refresh(self, *, now: bool = False) -> None:
        """Look which topics match the pattern, if it was long ago."""
        if self.kind != "pattern" or (not now and time.monotonic() - self.matched_at < REFRESH):
            return
        there = self._told(lambda: self.client.list_topics(timeout=kafka.REQUEST)).topics
        found = matching(self.pattern, there)
        self.matched_at = time.monotonic()
        if found != self.topics:
            self.topics = found
            self._subscribe()

    def _lose(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        """Someone else's from now on: what was handed out is not ours to commit any more."""
        for each in places:
            self.handed.pop((each.topic, each.partition), None)
            self.unsettled.pop((each.topic, each.partition), None)

    def _first(self, wait: float, ended: Callable[[], bool]) -> Message | None:
        until = time.monotonic() + wait
        while not ended():
            left = until - time.monotonic()
            message = self.client.poll(max(0.0, min(SLICE, left)))
            if message is not None and not self._heeded(message):
                return message
            if left <= 0:
                return None
        return None

    def _heeded(self, message: Message) -> bool:
        """Whether it was no record but news; news of what the client may not do is an error."""
        error = message.error()
        if error is None:
            return False
        if error.fatal() or STATUS.get(error.name()) == 403 or error.name() == "_AUTO_OFFSET_RESET":
            raise refused(error)
        log.info("%s of %s: %s", self.name, self.group, error.str())
        return True

    def _answer(self, found: Sequence[Message], most_bytes: int) -> tuple[int, bytes]:
        try:
            parts = formats.gathered(found, self.format, most_bytes)
        except UndecodableError as error:
            self._hand(found[:1])
            self._put_back(found[1:])
            raise RefusedError(406, f"Failed to decode as {self.format.name}: {error}") from error
        self._put_back(found[len(parts) :])
        if not parts:
            raise RefusedError(422, "Response exceeds the maximum number of bytes the consumer can receive")
        self._hand(found[: len(parts)])
        return len(parts), b"[" + b",".join(parts) + b"]"

    def _hand(self, messages: Sequence[Message]) -> None:
        places = {(each.topic() or "", each.partition() or 0): (each.offset() or 0) + 1 for each in messages}
        self.handed |= places
        self.unsettled |= places
        self.last = _firsts(messages)

    def _put_back(self, messages: Sequence[Message]) -> None:
        for (topic, partition), offset in _firsts(messages).items():
            try:
                self.client.seek(TopicPartition(topic, partition, offset))
            except KafkaException as error:  # it was taken from us meanwhile: its new owner reads them
                log.info("%s of %s: %s-%d: %s", self.name, self.group, topic, partition, kafka.reason(error).str())

    def _settle(self) -> None:
        """The client asks for more, so it has what it was handed: that may be committed."""
        if self.commits:
            for (topic, partition), offset in self.unsettled.items():
                try:
                    self.client.store_offsets(offsets=[TopicPartition(topic, partition, offset)])
                except KafkaException:  # it was taken from us meanwhile
                    self.handed.pop((topic, partition), None)
        self.unsettled.clear()

    def _own(self, places: Sequence[Place]) -> None:
        own = {(each.topic, each.partition) for each in self.client.assignment()}
        for each in places:
            if (each.topic, each.partition) not in own:
                raise RefusedError(404, f"No current assignment for partition {each.topic}-{each.partition}")

    def _seek(self, topic: str, partition: int, offset: int) -> None:
        place = TopicPartition(topic, partition, offset)
        try:
            self.client.seek(place)
        except KafkaException as error:
            if self.kind != "partitions" or kafka.reason(error).name() != "_STATE":
                raise refused(kafka.reason(error)) from error
            # It was assigned a moment ago, and is not read yet: assigned anew, it is read from there.
            rest = [each for each in self.client.assignment() if (each.topic, each.partition) != (topic, partition)]
            self.client.assign([*self.client.position(rest), place])
        self.handed[topic, partition] = self.unsettled[topic, partition] = offset

    def _told(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except KafkaException as error:
            raise refused(kafka.reason(error)) from error


def _firsts(messages: Sequence[Message]) -> dict[Spot, int]:
    """The first offset of each partition."""
    found: dict[Spot, int] = {}
    for each in messages:
        found.setdefault((each.topic() or "", each.partition() or 0), each.offset() or 0)
    return found
