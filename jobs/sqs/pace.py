"""How many requests may be under way, and when the next may leave: pure.

The number of requests follows what the queue bears, as TCP follows a line: it grows with each answer, halves when the
queue throttles, and while the queue does nothing but throttle, pauses get longer.
"""

FIRST, LONGEST = 0.1, 2.0
"""The first and the longest pause after the queue throttled, in seconds."""


class Pace:
    """What the queue bears.

    Args:
        most: How many requests may be under way at most.
        rate: How many messages may leave in a second at most; 0 is as many as go.
    """

    def __init__(self, most: int, rate: float = 0) -> None:
        self.most, self.rate = most, rate
        self.window = float(min(most, 8))
        self.growing = True  # doubling, until the queue throttles for the first time
        self.until = self.next = 0.0
        self.pause = FIRST

    def may(self, now: float, under_way: int) -> bool:
        """Whether one more request may leave."""
        return under_way < int(self.window) and now >= self.until and now >= self.next

    def wait(self, now: float) -> float:
        """How long nothing may leave, in seconds."""
        return max(0.0, self.until - now, self.next - now)

    def left(self, now: float, messages: int) -> None:
        """A request of so many messages left."""
        if self.rate:
            # What was not used for a moment is not made up for: at most a tenth of a second's worth.
            self.next = max(self.next, now - 0.1) + messages / self.rate

    def answered(self) -> None:
        """The queue took a request."""
        self.pause = FIRST
        self.window = min(float(self.most), self.window + (1 if self.growing else 1 / self.window))

    def throttled(self, now: float) -> None:
        """The queue asked for less; what it says of requests that left before counts once."""
        if now < self.until:
            return
        self.growing = False
        self.window = max(1.0, self.window / 2)
        self.until = now + self.pause
        self.pause = min(LONGEST, self.pause * 2)


def backoff(tries: int, chance: float) -> float:
    """How long a message waits before its next try, in seconds: doubling from 50 ms to 5 s, spread by a half.

    Args:
        tries: How often it was sent.
        chance: A number from 0 to 1.
    """
    return min(5.0, 0.05 * 2 ** min(tries - 1, 10)) * (0.5 + chance / 2)
