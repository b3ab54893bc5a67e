"""Windows of a topic into a queue: from where earlier runs ended to where the source ends now."""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal, Protocol

from confluent_kafka.admin import AdminClient

from jobs import kafka
from jobs.errors import JobError, UsageError
from jobs.sqs import records
from jobs.sqs.account import Exported
from jobs.sqs.books import Windows
from jobs.sqs.cost import Planned
from jobs.sqs.journal import Journal
from jobs.sqs.line import Line
from jobs.sqs.message import ENTRIES, Message
from jobs.sqs.progress import WINDOW, State, maybe_twice, skip, too_late
from jobs.windows import Window

log = logging.getLogger(__name__)

REMEMBERED = 300.0
"""For how long a FIFO queue may drop what it has seen, in seconds."""

Doubt = Literal["fail", "send", "skip"]


class Source(Protocol):
    """Where records come from: Kafka, or a bronze table."""

    topic: str
    topic_id: str
    ends: dict[int, tuple[int, int]]

    def read(self, windows: dict[int, tuple[int, int]]) -> Iterator[records.Record]:
        """The records of these windows."""
        ...


class Topic:
    """A topic, as it is now.

    Args:
        name: Its name.
        client: An admin client.
    """

    def __init__(self, name: str, client: AdminClient) -> None:
        self.topic, self.topic_id = name, kafka.topic_id(name, client=client)
        self.ends = kafka.watermarks(name, client=client)

    def read(self, windows: dict[int, tuple[int, int]]) -> Iterator[records.Record]:
        """The records of these windows."""
        return records.of_topic(self.topic, windows)


class Bronze:
    """A bronze table, as it is now.

    Args:
        name: The topic that it is named for.
    """

    def __init__(self, name: str) -> None:
        from jobs.lake import Table  # noqa: PLC0415 - a topic needs no Spark
        from jobs.spark import session  # noqa: PLC0415

        self.table, self.topic = Table(session("sqs-export"), f"bronze/{name}"), name
        ledger = self.table.ledger()
        if not ledger:
            raise UsageError(f"there is no table bronze/{name}", hint=f"headrace bronze load --topic={name}")
        self.topic_id = ledger[-1].topic_id
        there = [window for entry in ledger for window in (*entry.windows, *entry.expired)]
        self.ends = unbroken(there)

    def read(self, windows: dict[int, tuple[int, int]]) -> Iterator[records.Record]:
        """The records of these windows."""
        return records.of_bronze(self.table.read(), windows)


def unbroken(there: Iterable[Window]) -> dict[int, tuple[int, int]]:
    """The first offset of each partition, and the end of what follows it without a gap.

    What lies behind a gap waits until the gap is loaded: its offsets come first.
    """
    ends: dict[int, tuple[int, int]] = {}
    for window in sorted(there, key=lambda each: (each.partition, each.first)):
        first, end = ends.get(window.partition, (window.first, window.first))
        if window.first <= end:
            ends[window.partition] = first, max(end, window.end)
    return ends


def export(
    source: Source,
    line: Line,
    client: AdminClient,
    content_type: str,
    *,
    in_doubt: Doubt,
    on_expired: Literal["fail", "clip"],
    restart: bool,
    dry_run: bool,
    price: float,
    metrics_port: int,
) -> Exported | Planned:
    """Send what the queue has not got yet of a source.

    Raises:
        JobError: It cannot be sent, or not all of it was.
    """
    journal = Journal(client, f"{line.queue.arn} {source.topic}")
    state, age = _state(journal, source, line, in_doubt=in_doubt, restart=restart)
    line.before = state.accepted + state.dead
    line.maybe_twice = maybe_twice(state, age, fifo=line.queue.fifo)
    if state.doubtful and not dry_run:
        twice = "those may be there twice" if line.maybe_twice else "it drops those it has"
        log.warning(
            "a run was killed with up to %d messages on their way to %s: %s", state.doubtful, line.queue.name, twice
        )
    windows = _windows(source, state, on_expired=on_expired)
    maker = records.Maker(line.queue, source.topic, content_type, line.store)

    def chunks() -> Iterator[list[Message]]:
        found = chain.from_iterable(source.read(each) for each in in_turn(windows, state) if each)
        return records.chunks(map(maker.message, records.todo(found, state)))

    total = sum(end - first for first, end in windows.values())
    if dry_run:
        return line.planned(chunks(), price, total)
    book = Windows(journal, state.model_copy(deep=True), max(1_000, line.in_flight * ENTRIES * 4) - records.CHUNK)
    try:
        with line.sending(total, metrics_port) as send:
            send(chunks(), book)
    except JobError as error:
        book.close()
        raise line.failed(error) from error
    result = line.balanced()
    book.finish({number: end for number, (_, end) in windows.items()})
    return result


def in_turn(windows: dict[int, tuple[int, int]], state: State) -> tuple[dict[int, tuple[int, int]], ...]:
    """The windows in two goes: what a killed run may have sent, then the rest.

    So doubt does not add up over runs that are killed one after the other, each in other partitions.
    """
    cuts = {number: state.parts[number].upto if number in state.parts else 0 for number in windows}
    before = {number: (first, min(end, cuts[number])) for number, (first, end) in windows.items()}
    after = {number: (max(first, cuts[number]), end) for number, (first, end) in windows.items()}
    goes = ({number: each for number, each in go.items() if each[0] < each[1]} for go in (before, after))
    return tuple(goes)


def _state(journal: Journal, source: Source, line: Line, *, in_doubt: Doubt, restart: bool) -> tuple[State, float]:
    """Where to go on, and how many seconds ago that was written."""
    run = os.environ.get("HEADRACE_RUN", "by hand")
    fresh = State(queue=line.queue.id, topic=source.topic, topic_id=source.topic_id, run=run)
    found = journal.last()
    if found is None:
        return fresh, 0.0
    state, age = found[0], time.time() - found[1]
    if (
        line.queue.fifo
        and (restart or state.topic_id != source.topic_id)
        and state.queue == line.queue.id
        and age < REMEMBERED
    ):
        raise JobError(
            f"{line.queue.name} still drops what it got in the last five minutes: their ids would be the same",
            hint=f"the same command in {REMEMBERED - age:.0f} s",
        )
    if restart:
        return fresh, 0.0
    if state.queue != line.queue.id:
        raise JobError(
            f"{line.queue.name} is not the queue that was exported to: {state.queue} then, {line.queue.id} now",
            hint="--restart sends everything again",
        )
    if state.topic_id != source.topic_id:
        raise JobError(
            f"{source.topic} was deleted and made again: its id is {source.topic_id},"
            f" and {state.topic_id} was exported to {line.queue.name}",
            hint="--restart sends the new one from its beginning",
        )
    if line.queue.fifo and in_doubt == "fail" and too_late(state, age):
        raise JobError(
            f"a run was killed {age:,.0f} s ago, and for {state.doubtful} messages nobody knows whether"
            f" {line.queue.name} has them; after {WINDOW:.0f} s it may not drop them a second time",
            hint="--in-doubt=send (they may be there twice) or --in-doubt=skip (they may be missing)",
        )
    if in_doubt == "skip" and state.doubtful:
        log.warning("%d messages in doubt are not sent: they may be missing in %s", state.doubtful, line.queue.name)
        state = skip(state)
    return state.model_copy(update={"run": run}), age


def _windows(source: Source, state: State, *, on_expired: Literal["fail", "clip"]) -> dict[int, tuple[int, int]]:
    """The first offset and the end of what is left of each partition."""
    windows: dict[int, tuple[int, int]] = {}
    for number, (first, end) in source.ends.items():
        done = state.parts[number].next if number in state.parts else None
        if done is not None and done > end:
            raise JobError(
                f"{source.topic} ends at {end} in partition {number}, before what was exported ({done})",
                hint="headrace bronze load, or was the topic truncated?",
            )
        if done is not None and first > done and on_expired == "fail":
            raise JobError(
                f"{source.topic} no longer holds {first - done} offsets of partition {number} that were never exported",
                hint="--on-expired=clip goes on with the rest",
            )
        windows[number] = (max(first, done or 0), end)
    return windows
