"""Windows done again in a table: what is inside of them, and which dead letters they end."""
# pyspark types its rows as unknown:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobs import dlq, kafka
from jobs.dlq.index import read as letter_of
from jobs.dlq.letter import DeadLetter
from jobs.errors import JobError
from jobs.windows import Window, ranges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

EVERY = dict.fromkeys(range(100000), (0, 1 << 62))
"""What a table may hold: any offset of any partition."""


def read(text: str, topic: str) -> list[Window]:
    """The windows that `--redo` names; none if it is empty."""
    return ranges.read(text, topic, EVERY) if text else []


def inside(windows: Iterable[Window]) -> str:
    """The condition, in SQL, on rows of bronze or silver that lie in the windows; no row does in none."""
    each = [f"(`partition` = {one.partition} AND `offset` >= {one.first} AND `offset` < {one.end})" for one in windows]
    return f"({' OR '.join(each)})" if each else "false"


def holds(windows: Iterable[Window], origin: str) -> bool:
    """Whether an origin, `topic/partition/offset`, lies in the windows."""
    topic, _, place = origin.partition("/")
    partition, _, offset = place.partition("/")
    if not (partition.isdecimal() and offset.isdecimal()):
        return False
    return any(
        each.topic == topic and each.partition == int(partition) and each.first <= int(offset) < each.end
        for each in windows
    )


def end_letters(dead: "DataFrame", topic: str, windows: list[Window]) -> int:
    """Delete the letters of records in the windows that are dead no more; how many there were.

    A letter is deleted as in any compacted topic: by a record of its key without a value.

    Args:
        dead: The records of the windows that are dead now, with their origin.
        topic: Where the records were.
        windows: What was done again.

    Raises:
        JobError: The topic of dead letters did not take all of them.
    """
    letters = dlq.topic_of(topic)
    there: dict[str, int] = {}
    for record in kafka.records(letters):
        found = letter_of(record)
        if isinstance(found, DeadLetter) and holds(windows, found.origin):
            there[found.origin] = record.partition() or 0
            if record.value() is None and not record.headers():
                del there[found.origin]
    if not there:
        return 0
    still = {"/".join(map(str, row)) for row in dead.select("topic", "partition", "offset").collect()}
    ended = sorted(there.keys() - still)
    # Into the letter's own partition: compaction knows no other, and not everybody spreads keys alike.
    sent = kafka.produce(letters, (kafka.Record(None, each.encode(), there[each]) for each in ended))
    if sent.acked != len(ended):
        raise JobError(f"{letters} took {sent.acked} of {len(ended)} deletions: {sent.error}", hint="run it again")
    return len(ended)
