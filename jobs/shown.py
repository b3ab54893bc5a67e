"""What a person wants to see of a ledger. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from jobs import entries
from jobs.entries import Commit, Entry
from jobs.windows import Window

WINDOWS = 3  # that a line has room for


@dataclass(frozen=True)
class Line:
    """One entry, in short.

    Args:
        entry: Its number.
        ended: When it was committed.
        seconds: From the begin of the work to the commit; None when it does not say.
        run: The run of the workflow that wrote it.
        windows: What it took, in short: partition and offsets, or the entries of the layer below.
        rows: Rows written.
        dead: Records that went to the dead letters.
        duplicates: Records of an event that was there already.
        expired: Offsets that the topic no longer held.
        anew: Whether it replaced the whole table.
        version: The version of the Delta table, for time travel.
        checksum: The fingerprint of the rows that it read from the layer below.
        software: The version of Headrace.
        engine: The versions of Spark and Delta.
    """

    entry: int
    ended: datetime | None
    seconds: float | None
    run: str
    windows: str
    rows: int
    dead: int
    duplicates: int
    expired: int
    anew: bool
    version: int
    checksum: str
    software: str
    engine: str


@dataclass(frozen=True)
class Layer:
    """One table and its last entries, newest first.

    Args:
        table: Layer and table.
        entries: How many entries its ledger has.
        rows: How many rows it has by its ledger; -1 where periods replace each other (gold).
        behind: What it lacks: offsets of the topic (bronze), entries of the layer below; -1 if that is not known.
        lines: The entries.
    """

    table: str
    entries: int
    rows: int
    behind: int
    lines: list[Line]


@dataclass(frozen=True)
class Shown:
    """The ledgers of a topic's tables.

    Args:
        topic: The topic.
        layers: Its tables, in the order in which they are made.
    """

    topic: str
    layers: list[Layer]

    def text(self) -> str:
        """A heading and a line an entry for each table."""
        return "\n\n".join(_text(each) for each in self.layers)


def shown(
    topic: str, found: Mapping[str, list[Commit]], available: Mapping[int, tuple[int, int]] | None, last: int
) -> Shown:
    """The newest `last` entries of each table, and how far it is.

    Args:
        topic: The topic.
        found: The history of each table, by name, each layer after the one below.
        available: First and end offset of each partition; None when the topic can't be read.
        last: How many entries.
    """
    ledgers = {name: entries.entries(history) for name, history in found.items()}
    layers: list[Layer] = []
    below: list[Entry] = []
    for name, ledger in ledgers.items():
        layer, included = name.partition("/")[0], ledger[-1].through if ledger else 0
        behind = _behind(ledger, available) if layer == "bronze" else len(below) - included
        rows = -1 if layer == "gold" else sum(each.rows for each in entries.current(ledger))
        lines = [_line(before, each) for before, each in pairwise([None, *ledger]) if each]
        layers.append(Layer(name, len(ledger), rows, behind, lines[::-1][:last]))
        below = ledger
    return Shown(topic, layers)


def short(windows: list[Window]) -> str:
    """Windows in short: `0:500..600 1:480..590 and 4 more`."""
    said = [f"{each.partition}:{each.first}..{each.end}" for each in sorted(windows)]
    more = f" and {len(said) - WINDOWS} more" if len(said) > WINDOWS else ""
    return " ".join(said[:WINDOWS]) + more


def _line(before: Entry | None, entry: Entry) -> Line:
    dead = entry.counts.get("dead", 0)
    records = entry.counts.get("records")
    first = 1 if entry.anew or before is None else before.through + 1
    return Line(
        entry=entry.sequence,
        ended=entry.ended,
        seconds=round((entry.ended - entry.begun).total_seconds(), 1) if entry.begun and entry.ended else None,
        run=entry.run,
        windows=short(entry.windows)
        or (f"again {short(entry.redone)}" if entry.redone else "")
        or (f"entries {first}..{entry.through}" if entry.through else ""),
        rows=entry.rows,
        dead=dead,
        duplicates=0 if records is None else records + entry.counts.get("redone", 0) - dead - entry.rows,
        expired=sum(each.offsets for each in entry.expired),
        anew=entry.anew,
        version=entry.version,
        checksum=entry.checksum,
        software=entry.software,
        engine=entry.engine,
    )


def _behind(ledger: list[Entry], available: Mapping[int, tuple[int, int]] | None) -> int:
    if available is None:
        return -1
    done: dict[int, int] = {}
    for entry in ledger:
        done.update({each.partition: max(each.end, done.get(each.partition, 0)) for each in entry.windows})
    return sum(max(0, end - max(done.get(each, 0), first)) for each, (first, end) in available.items())


def _text(layer: Layer) -> str:
    what = "offsets of the topic" if layer.table.startswith("bronze/") else "entries of the layer below"
    behind = "how far behind is not known" if layer.behind < 0 else f"{layer.behind:,} {what} behind"
    rows = "" if layer.rows < 0 else f", {layer.rows:,} rows"
    heading = f"[bold]{layer.table}[/bold]: {layer.entries} entries{rows}, {behind}"
    if not layer.lines:
        return heading
    names = ("entry", "when (UTC)", "s", "rows", "dead", "twice", "expired", "took", "run")
    cells = [names, *(_cells(each) for each in layer.lines)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    right = {0, 2, 3, 4, 5, 6}
    lines = [
        "  ".join(f"{cell:>{width}}" if n in right else f"{cell:<{width}}" for n, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in cells)
    ]
    return "\n".join([heading, *(each.rstrip() for each in lines)])


def _cells(line: Line) -> tuple[str, ...]:
    when = line.ended.strftime("%Y-%m-%d %H:%M:%S") if line.ended else "?"
    seconds = "?" if line.seconds is None else f"{line.seconds:.1f}"
    took = f"{line.windows}, all anew" if line.anew else line.windows
    figures = (f"{each:,}" if each else "-" for each in (line.dead, line.duplicates, line.expired))
    return (str(line.entry), when, seconds, f"{line.rows:,}", *figures, took, line.run)
