"""Dead letters by reason, of every topic of them: what came since the last look is read, not all of it again."""

import sqlite3
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from jobs import kafka
from jobs.dlq import Reason, moment
from jobs.dlq.index import Index, read, spot
from jobs.dlq.letter import text
from jobs.errors import JobError

SUFFIX = ".dlq"
TOP = 50


@dataclass(frozen=True)
class Dead:
    """The dead letters of one topic.

    Args:
        topic: The topic of dead letters.
        letters: How many there are.
        redriven: Of these, how many were put back.
        reasons: By reason, the 50 most frequent ones.
        others: How many letters have other reasons.
        why: Why it could not be read; empty if it was.
    """

    topic: str
    letters: int
    redriven: int
    reasons: tuple[Reason, ...]
    others: int
    why: str = ""


class _Topic:
    """One topic of dead letters and how far it has been read; its index is a file, so memory does not grow with it."""

    def __init__(self, name: str, topic_id: str) -> None:
        self.name, self.topic_id = name, topic_id
        self.next: dict[int, int] = {}
        self.index = Index(sqlite3.connect("", check_same_thread=False))  # "" is a file that is gone when it is closed

    def read_on(self) -> Dead:
        """Take in what is new, and count."""
        for record in kafka.records(self.name, self.next):
            if record.value() is None and not record.headers():
                key = record.key()
                self.index.drop(text(key.encode() if isinstance(key, str) else key))
            else:
                self.index.add([(read(record), spot(record))])
            self.next[record.partition() or 0] = (record.offset() or 0) + 1
        reasons = tuple(
            Reason(reason, count, back, moment(first), moment(last), example)
            for reason, count, back, first, last, example in self.index.reasons(TOP)
        )
        _, others, others_back = self.index.rest(TOP)
        letters = sum(each.count for each in reasons) + others
        return Dead(self.name, letters, sum(each.redriven for each in reasons) + others_back, reasons, others)


class Letters:
    """The dead letters of every topic whose name ends in `.dlq`."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}

    def all(self) -> tuple[Dead, ...]:
        """What there is now, by topic.

        Raises:
            JobError: Kafka cannot be reached.
        """
        client = kafka.admin()
        names = sorted(name for name in client.list_topics(timeout=kafka.REQUEST).topics if name.endswith(SUFFIX))
        for gone in self._topics.keys() - set(names):
            self._forget(gone)
        return tuple(self._read(name, client) for name in names)

    def _read(self, name: str, client: AdminClient) -> Dead:
        try:
            return self._topic(name, client).read_on()
        except JobError as error:  # it is gone meanwhile, or not for this user: the others are there all the same
            return Dead(name, 0, 0, (), 0, str(error))

    def _topic(self, name: str, client: AdminClient) -> _Topic:
        topic_id = kafka.topic_id(name, client=client)
        if name in self._topics and self._topics[name].topic_id != topic_id:  # it was deleted and made again
            self._forget(name)
        if name not in self._topics:
            self._topics[name] = _Topic(name, topic_id)
        return self._topics[name]

    def _forget(self, name: str) -> None:
        self._topics.pop(name).index.database.close()
