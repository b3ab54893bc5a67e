"""What an export would send, and what AWS would bill for it: pure."""

from dataclasses import dataclass

BILLED = 65_536
"""Each request is billed once for every 64 KiB it holds (Amazon SQS pricing, "Size of payloads")."""

PRICES = {"standard": 0.40, "fifo": 0.50}
"""US dollars a million requests in us-east-1 beyond the free first million (Amazon SQS pricing, November 2025);
`--price` is for other regions and contracts."""


@dataclass
class Planned:
    """What an export would do: `messages` in `calls`, `dead` of them to the dead letters instead.

    Args:
        queue: The queue's name.
        messages: Messages that would be sent.
        bytes: Their bytes, as SQS counts them.
        calls: Requests.
        dead: Messages that the queue would never take.
        pointers: Messages that would be in S3, with a pointer in the queue.
        before: Messages that earlier runs had exported already.
        billed: Requests as AWS counts them.
        dollars: What AWS would bill, in US dollars.
    """

    queue: str
    messages: int = 0
    bytes: int = 0
    calls: int = 0
    dead: int = 0
    pointers: int = 0
    before: int = 0
    billed: int = 0
    dollars: float = 0.0

    def add(self, sizes: list[int], price: float) -> None:
        """One more request.

        Args:
            sizes: Bytes of each of its messages.
            price: US dollars a million requests.
        """
        self.messages += len(sizes)
        self.bytes += sum(sizes)
        self.calls += 1
        self.billed += max(1, -(-sum(sizes) // BILLED))
        self.dollars = round(self.billed * price / 1e6, 6)
