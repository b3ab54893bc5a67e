"""What a topic of dead letters holds, one row an origin: in a file, so that memory does not grow with the letters."""

import sqlite3
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from confluent_kafka import Message

from jobs import kafka
from jobs.dlq import letter
from jobs.dlq.letter import DeadLetter, Mark

TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384; PRAGMA temp_store = FILE;
CREATE TABLE letters (origin TEXT PRIMARY KEY, reason TEXT, entry TEXT, attempt INT, place INT, spot INT, time INT,
                      first_time INT) WITHOUT ROWID;
CREATE TABLE marks (origin TEXT PRIMARY KEY, target TEXT) WITHOUT ROWID;
"""
LETTER = """
INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
reason = excluded.reason, entry = CASE excluded.entry WHEN '' THEN entry ELSE excluded.entry END,
attempt = excluded.attempt, place = excluded.place, spot = excluded.spot, time = excluded.time
"""  # an export's letter of the same record does not hide silver's
MARK = "INSERT INTO marks VALUES (?, ?) ON CONFLICT DO NOTHING"
MATCHES = "(:reason = '' OR reason = :reason OR reason GLOB :reason)"
OPEN = "NOT EXISTS (SELECT 1 FROM marks WHERE marks.origin = letters.origin)"


@dataclass(frozen=True)
class Spot:
    """Where on its topic a letter is."""

    partition: int
    offset: int


class Index:
    """Which letters there are, by origin; of a letter written twice, the last one.

    Args:
        database: An empty database.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        database.executescript(TABLES)

    def add(self, found: Iterable[tuple[DeadLetter | Mark, Spot]]) -> None:
        """Take in letters and marks in the order of their topic."""
        for each, spot in found:
            if isinstance(each, Mark):
                self.database.execute(MARK, (each.origin, each.to))
                continue
            own = (each.origin, each.reason, each.entry, each.attempt, spot.partition, spot.offset)
            self.database.execute(LETTER, (*own, each.time, each.time))

    def drop(self, origin: str) -> None:
        """Forget a letter: its record is dead no more."""
        self.database.execute("DELETE FROM letters WHERE origin = ?", (origin,))

    def reasons(self, top: int) -> Iterator[tuple[str, int, int, int, int, str]]:
        """Reason, letters, those put back, first and last time, and one origin; the most frequent first."""
        asked = f"""
            SELECT reason, COUNT(*), SUM(NOT {OPEN}), MIN(first_time), MAX(time), MIN(origin)
            FROM letters GROUP BY reason ORDER BY 2 DESC, 1 LIMIT ?
        """  # noqa: S608 - words of our own
        yield from self.database.execute(asked, (top,))

    def rest(self, top: int) -> tuple[int, int, int]:
        """Of the reasons after the `top` most frequent ones: how many, their letters, and those put back."""
        asked = f"""
            SELECT COUNT(*), COALESCE(SUM(letters), 0), COALESCE(SUM(back), 0) FROM (
            SELECT COUNT(*) AS letters, SUM(NOT {OPEN}) AS back FROM letters GROUP BY reason
            ORDER BY 1 DESC, reason LIMIT -1 OFFSET ?)
        """  # noqa: S608 - words of our own
        return self.database.execute(asked, (top,)).fetchone()

    def has(self, reason: str) -> bool:
        """Whether any letter has a reason, put back or not."""
        asked = f"SELECT EXISTS (SELECT 1 FROM letters WHERE {MATCHES})"  # noqa: S608 - words of our own
        return bool(self.database.execute(asked, {"reason": reason}).fetchone()[0])

    def count(self, reason: str = "", *, attempts: int = -1) -> int:
        """How many open letters have a reason, and were put back at least so often."""
        asked = f"SELECT COUNT(*) FROM letters WHERE {MATCHES} AND {OPEN} AND attempt >= :attempts"  # noqa: S608
        return self.database.execute(asked, {"reason": reason, "attempts": attempts}).fetchone()[0]

    def spots(
        self, reason: str = "", *, most: int = -1, attempts: int = 1 << 30, marked: bool = False
    ) -> Iterator[Spot]:
        """Where the open letters of a reason are that were put back fewer than `attempts` times, in their order.

        Args:
            reason: The reason, or a pattern with `*`; empty is any.
            most: At most so many; -1 is no limit.
            attempts: What was put back so often is left out.
            marked: Also those that were put back.
        """
        asked = f"""
            SELECT place, spot FROM letters WHERE {MATCHES} AND (:marked OR {OPEN}) AND attempt < :attempts
            ORDER BY place, spot LIMIT :most
        """  # noqa: S608 - words of our own
        given = {"reason": reason, "attempts": attempts, "most": most, "marked": marked}
        for row in self.database.execute(asked, given):
            yield Spot(*row)

    def is_open(self, origin: str) -> bool:
        """Whether a letter was not put back."""
        return self.database.execute("SELECT 1 FROM marks WHERE origin = ?", (origin,)).fetchone() is None

    def redriven(self, target: str) -> int:
        """How many letters were put back to a topic."""
        asked = "SELECT COUNT(*) FROM letters JOIN marks USING (origin) WHERE target = ?"
        return self.database.execute(asked, (target,)).fetchone()[0]

    def of_entries(self, entries: Iterable[int]) -> int:
        """How many letters these entries of silver's ledger wrote."""
        known = {str(each) for each in entries}
        counts = self.database.execute("SELECT entry, COUNT(*) FROM letters GROUP BY entry")
        return sum(count for entry, count in counts if entry in known)


@contextmanager
def index(topic: str) -> Generator[Index, None, None]:
    """The index of a topic as it is now; its file is gone afterwards.

    Raises:
        JobError: There is no such topic, or it cannot be read.
    """
    with (
        tempfile.TemporaryDirectory(prefix="headrace-dlq-") as folder,
        closing(sqlite3.connect(f"{folder}/letters")) as database,
    ):
        made = Index(database)
        for record in kafka.records(topic):
            if record.value() is None and not record.headers():  # as a compacted topic says that a key is gone
                made.drop(letter.text(_bytes(record.key())))
            else:
                made.add([(read(record), spot(record))])
        yield made


def read(record: Message) -> DeadLetter | Mark:
    """What a record of a topic of dead letters says."""
    key, value = record.key(), record.value()
    headers = [(name, held.encode() if isinstance(held, str) else held) for name, held in record.headers() or []]
    return letter.decode(_bytes(key), _bytes(value), headers, max(record.timestamp()[1], 0))


def spot(record: Message) -> Spot:
    """Where a record is on its topic."""
    return Spot(record.partition() or 0, record.offset() or 0)


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
