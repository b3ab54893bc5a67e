"""What was sent and what became of it: sent = accepted + dead letters, or the export failed."""

from dataclasses import dataclass


@dataclass
class Account:
    """Counts of one run; the last three are of requests, `bytes` is of all that was sent.

    Args:
        sent: Messages that were handed to the queue, each once.
        accepted: Those that it has.
        dead: Those that it will never take; they are dead letters.
        doubtful: Those that may be in it twice, as a request broke before its answer and was sent again.
        retried: How often a message was sent again.
        bytes: Bytes sent, as SQS counts them.
        requests: Requests that left.
        throttled: Requests and messages that the queue did not want at that moment.
        broken: Requests without an answer.
    """

    sent: int = 0
    accepted: int = 0
    dead: int = 0
    doubtful: int = 0
    retried: int = 0
    bytes: int = 0
    requests: int = 0
    throttled: int = 0
    broken: int = 0

    @property
    def open(self) -> int:
        """Messages whose fate is not known yet."""
        return self.sent - self.accepted - self.dead


@dataclass(frozen=True)
class Exported:
    """What one export did: `sent = accepted + dead`.

    Args:
        queue: The queue's name.
        sent: Messages that were sent in this run.
        accepted: Of these, those that the queue has.
        dead: Of these, those that it will never take; they are dead letters.
        before: Messages that earlier runs had exported already.
        maybe_twice: Messages that may be in the queue twice: they were under way when an earlier run was killed, or
            a request of this run broke before its answer. A FIFO queue drops them by their id, except what was under
            way more than four minutes ago.
    """

    queue: str
    sent: int
    accepted: int
    dead: int
    before: int
    maybe_twice: int = 0
