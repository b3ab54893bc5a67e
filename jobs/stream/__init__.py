"""Transactions, counted as they come."""

import json
from dataclasses import astuple, dataclass
from decimal import Decimal
from threading import Event

from jobs import kafka, settings, web
from jobs.errors import UsageError
from jobs.job import job
from jobs.replay.sending import stopping

TOPIC = "transactions"


@dataclass(frozen=True)
class Consumed:
    """What one consumer did: `records = counted + duplicates + dead`.

    Args:
        topic: What it read.
        records: Records whose effect is committed.
        counted: Transactions among them, each id once.
        duplicates: Records of transactions that were counted before.
        dead: Records that went to the dead letters.
        batches: Transactions of Kafka that were committed.
        undone: Those that were not, and whose records were read again.
    """

    topic: str
    records: int
    counted: int
    duplicates: int
    dead: int
    batches: int
    undone: int


@job("jobs", cpu="500m", memory="512Mi", minutes=24 * 60, needs=("kafka",))
def consume(
    *,
    topic: str = "",
    remember: int = 50_000,
    every: float = 0.2,
    lines: bool = False,
    idle: float = 0,
    host: str = "127.0.0.1",
    port: int = 9467,
    exposed: bool = False,
) -> Consumed:
    """Count transactions by minute, merchant and currency as they come, each once, until told to end.

    Sums go to the compacted topic `TOPIC.totals`, what is no transaction to `TOPIC.dlq`, and both with the offsets of
    the group in one transaction: after a kill or a rebalance nothing is lost or counted twice. Start several to share
    the partitions. `headrace stream totals` says what was counted.

    Args:
        topic: What to read; by default what KAFKA_TOPIC or TOPIC says, or else `transactions`.
        remember: How many records back an id is known, in each partition: a duplicate that comes later is counted.
        every: How long a batch gathers at most, in seconds.
        lines: Tell of each record, in a line.
        idle: End when nothing came for so long, in seconds; 0 is never.
        host: The address to listen on; 0.0.0.0 in a pod, with `exposed`.
        port: Where to listen: /healthz, /readyz, and /metrics for Prometheus; 0 is a free port, which the log says.
        exposed: Listen where others than this machine reach it, though it asks nobody who they are.

    Raises:
        UsageError: A number is out of range, or others could listen and `exposed` does not say so.
        JobError: There is no such topic, the port is taken, or Kafka takes nothing.
    """
    # Imported here: Starlette takes 0.2 s, and who asks for help need not wait for it.
    from jobs import probes  # noqa: PLC0415
    from jobs.stream.consumer import Worker  # noqa: PLC0415
    from jobs.stream.serving import Watch  # noqa: PLC0415

    if remember < 0 or every <= 0 or idle < 0:
        raise UsageError("--remember and --idle are from 0 on, --every is more", hint="headrace stream consume --help")
    topic = topic or settings.load(settings.Replay).topic or TOPIC
    watch, ended = Watch(topic), Event()
    beside = web.beside(probes.app(watch), host, port, what=f"metrics of {topic}", exposed=exposed)
    with stopping(ended), beside:
        worker = Worker(topic, remember=remember, every=every, lines=lines, watch=watch)
        worker.run(ended, idle)
    return Consumed(topic, *astuple(worker.done))


@dataclass(frozen=True)
class Total:
    """What was counted at one merchant.

    Args:
        merchant: Who got it.
        currency: As ISO 4217 has it.
        count: Transactions, each id once.
        montant: Their sum, in the currency, with its cents.
        duplicates: Records of transactions that were counted before.
        minutes: In how many minutes they were paid.
    """

    merchant: str
    currency: str
    count: int
    montant: str
    duplicates: int
    minutes: int


@job("jobs", needs=("kafka",))
def totals(topic: str = TOPIC, *, minute: str = "") -> list[Total]:
    """What `stream consume` counted, by merchant and currency.

    Args:
        topic: What was counted.
        minute: Only minutes that begin so, UTC: `2026-01-01` is a day, `2026-01-01T12:30` a minute.
    """
    pieces: dict[bytes | str | None, bytes | None] = {}
    for record in kafka.records(f"{topic}.totals"):
        pieces[record.key()] = record.value()
    sums: dict[tuple[str, str], tuple[int, Decimal, int, set[str]]] = {}
    for value in pieces.values():
        piece = json.loads(value or b"{}")
        if not piece or not piece["minute"].startswith(minute):
            continue
        name = (piece["merchant"], piece["currency"])
        count, montant, duplicates, minutes = sums.get(name, (0, Decimal(), 0, set[str]()))
        minutes.add(piece["minute"])
        sums[name] = (
            count + piece["count"],
            montant + Decimal(piece["montant"]),
            duplicates + piece["duplicates"],
            minutes,
        )
    return [
        Total(merchant, currency, count, str(montant), duplicates, len(minutes))
        for (merchant, currency), (count, montant, duplicates, minutes) in sorted(sums.items())
    ]
