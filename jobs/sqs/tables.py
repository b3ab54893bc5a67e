"""Changed rows of a table into a queue; the table `exports/QUEUE` keeps what was sent."""

import time
from itertools import islice

from confluent_kafka.admin import AdminClient

from jobs.errors import JobError, UsageError
from jobs.lake import Entry, Table
from jobs.spark import session
from jobs.sqs import records, rows
from jobs.sqs.account import Exported
from jobs.sqs.books import Rows
from jobs.sqs.cost import Planned
from jobs.sqs.journal import Journal
from jobs.sqs.line import Line
from jobs.sqs.progress import Part, State, maybe_twice


def export(
    table: str,
    line: Line,
    client: AdminClient,
    content_type: str,
    *,
    in_doubt: str,
    restart: bool,
    dry_run: bool,
    price: float,
    metrics_port: int,
) -> Exported | Planned:
    """Send the rows of a table that the queue has not got.

    Raises:
        JobError: They cannot be sent, or not all of them were.
    """
    spark, queue = session("sqs-export"), line.queue
    source, done = Table(spark, table), Table(spark, f"exports/{queue.name}")
    if not source.ledger():
        raise UsageError(f"there is no table {table}", hint="headrace gold build --help")
    ledger = done.ledger()
    rows.guard(ledger, queue, restart=restart)
    line.before = sum(entry.counts.get(each, 0) for entry in ledger for each in ("accepted", "dead"))
    journal = Journal(client, f"{queue.arn} {table}")
    _doubt(journal, line, len(ledger), fail=in_doubt == "fail")
    number = len(ledger)
    if ledger and not dry_run:
        gone = rows.believed(done.read()) if restart else rows.withdrawn(source, done.read())
        if not gone.isEmpty():
            number += 1
            rows.withdraw(done, Entry(number, topic_id=queue.id), queue.name, table, gone)
    waiting = rows.pending(source, done.read() if number else None)
    messages = iter(rows.messages(waiting, table, queue, content_type, line.store))
    if dry_run:
        return line.planned(records.chunks(messages), price)
    with line.sending(0, metrics_port) as send:
        while chunk := [*islice(messages, rows.CHUNK)]:
            number += 1
            book, announced = Rows(), State(queue=queue.id, topic=table, topic_id="", entry=number)
            journal.write(announced.model_copy(update={"parts": {0: Part(upto=len(chunk))}}))
            journal.flush()
            try:
                send([chunk], book)
            except JobError as error:
                _commit(done, number, line, table, book)
                raise line.failed(error) from error
            _commit(done, number, line, table, book)
    return line.balanced()


def _commit(done: Table, number: int, line: Line, table: str, book: Rows) -> None:
    if not book.verdicts:
        return
    accepted = sum(each.kind == "accepted" for each in book.verdicts)
    counts = {"accepted": accepted, "dead": len(book.verdicts) - accepted}
    entry = Entry(number, counts=counts, topic_id=line.queue.id)
    rows.commit(done, entry, line.queue.name, table, book.verdicts)


def _doubt(journal: Journal, line: Line, entries: int, *, fail: bool) -> None:
    """Count what a killed run may have sent: the chunk that it announced and whose entry is not there."""
    found = journal.last()
    if found is None or found[0].entry <= entries or found[0].queue != line.queue.id:
        return
    state, age = found[0], time.time() - found[1]
    line.maybe_twice = maybe_twice(state, age, fifo=line.queue.fifo)
    if line.queue.fifo and fail and line.maybe_twice:
        raise JobError(
            f"a run was killed {age:,.0f} s ago, and for {state.doubtful} rows nobody knows whether"
            f" {line.queue.name} has them",
            hint="--in-doubt=send: they may be there twice",
        )
