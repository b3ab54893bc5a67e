"""Whose turn it is, from the log of those who asked: pure. Every reader of one log comes to the same answer."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from jobs.kafka.who import Who

LEASE = 15.0
"""How long somebody keeps a turn without saying so again, in seconds of the broker's clock."""


class Said(BaseModel):
    """One record of the log: `here` to ask and to stay, `gone` to leave; `scope` is what for, empty for the cluster."""

    model_config = ConfigDict(frozen=True)

    token: str
    kind: Literal["here", "gone"]
    who: Who
    scope: str = ""


@dataclass
class Queue:
    """Those who asked and have neither left nor fallen silent, first come first.

    Only the log's own order and times count, so it does not matter who reads it, when, or on which machine. Who was
    silent for longer than the lease is out for good: who was suspended and wakes up can't take its turn back.
    """

    waiting: dict[str, Who] = field(default_factory=dict[str, Who])
    heard: dict[str, int] = field(default_factory=dict[str, int])
    out: set[str] = field(default_factory=set[str])

    def see(self, said: Said, time: int) -> None:
        """Take in the next record; `time` is when the broker appended it, in epoch milliseconds."""
        for token in [token for token, last in self.heard.items() if time - last > LEASE * 1000]:
            self._end(token)
        if said.kind == "gone":
            self._end(said.token)
        elif said.token not in self.out:
            self.waiting.setdefault(said.token, said.who)
            self.heard[said.token] = time

    @property
    def first(self) -> tuple[str, Who] | None:
        """Whose turn it is."""
        return next(iter(self.waiting.items()), None)

    def _end(self, token: str) -> None:
        self.waiting.pop(token, None)
        self.heard.pop(token, None)
        self.out.add(token)
