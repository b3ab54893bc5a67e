"""What is counted of one partition: pure.

A sum is kept in pieces. One who counts opens a piece of a minute at the first record it meets of it, and writes it
anew whenever it grows; the next one, after a restart or a rebalance, opens pieces of its own. A piece is named for the
offset at which it was opened, so two never share a name, and the sum of all is the truth. So nobody must read what
others counted before it goes on, and memory is bounded: pieces that did not grow for long are forgotten.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal

from jobs.stream.transaction import Transaction

Name = tuple[str, str, str]
"""Minute, currency and merchant."""

PIECES = 20_000
"""The most pieces of a partition that are in memory."""


@dataclass(slots=True)
class Piece:
    """Part of what is known of a minute at a merchant.

    Args:
        opened: The offset of its first record.
        count: Transactions, each id once.
        cents: Their sum, in hundredths of the currency.
        duplicates: Records of transactions that were counted before.
    """

    opened: int
    count: int = 0
    cents: int = 0
    duplicates: int = 0


@dataclass
class Counting:
    """One partition's pieces, and the ids of its last records.

    Args:
        partition: Which one.
        position: The offset of the next record.
        remember: How many offsets back an id is known.
    """

    partition: int
    position: int
    remember: int
    pieces: dict[Name, Piece] = field(default_factory=dict[Name, Piece])
    grown: set[Name] = field(default_factory=set[Name])
    seen: dict[str, int] = field(default_factory=dict[str, int])

    def meet(self, transaction: Transaction, offset: int) -> bool:
        """Note an id; whether it was met before, at most `remember` offsets ago.

        What is known follows from the records alone, wherever one begins to read: the last offset of each id.
        """
        last = self.seen.pop(transaction.id, None)
        self.seen[transaction.id] = offset
        while (oldest := next(iter(self.seen))) and self.seen[oldest] < offset - self.remember:
            del self.seen[oldest]
        return last is not None and last >= offset - self.remember

    def count(self, transaction: Transaction, offset: int) -> bool:
        """Count a transaction; whether it was new."""
        name = (transaction.minute, transaction.currency, transaction.merchant)
        piece = self.pieces.pop(name, None) or Piece(offset)
        self.pieces[name] = piece  # the last again, so that the first one is the one that did not grow for longest
        self.grown.add(name)
        if self.meet(transaction, offset):
            piece.duplicates += 1
            return False
        piece.count += 1
        piece.cents += transaction.cents
        return True

    def written(self) -> list[tuple[bytes, bytes]]:
        """Key and value of each piece that grew since the last time; pieces beyond `PIECES` are forgotten."""
        records = [self._record(name) for name in sorted(self.grown)]
        self.grown.clear()
        for name in [*self.pieces][: max(0, len(self.pieces) - PIECES)]:
            del self.pieces[name]
        return records

    def _record(self, name: Name) -> tuple[bytes, bytes]:
        minute, currency, merchant = name
        piece = self.pieces[name]
        key = f"{self.partition}/{piece.opened}/{minute}/{currency}/{merchant}"
        value = {
            "minute": minute,
            "merchant": merchant,
            "currency": currency,
            "count": piece.count,
            "montant": str(Decimal(piece.cents).scaleb(-2)),
            "duplicates": piece.duplicates,
        }
        return key.encode(), json.dumps(value).encode()
