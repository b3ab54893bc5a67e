"""What the live page shows, from what was read so far: pure, and of bounded size however long it runs."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from jobs.alerts.alert import ATTACKS, Alert
from jobs.alerts.latencies import Latencies

SHOWN = 300
"""How many seconds the charts show."""

MINUTE = 60
LAST = 50
"""How many alerts the table shows."""

OF_EACH = 20
"""How many of each class are kept besides, so that what is rare can be looked at among what is frequent."""

BURST = 3
"""A second is a burst when its rate is more than so many times the median of the minute before it."""

KNOWN = 10
"""Of that minute, so many seconds must be known; with fewer, nothing is called a burst."""

GAP = 3
"""When the source was not looked at for longer, in seconds, its rate meanwhile is unknown."""

FRESH = 5
"""When Kafka has not answered for longer, in seconds, it is away."""


@dataclass
class Second:
    """The alerts that were scored in one second."""

    said: Counter[str] = field(default_factory=Counter[str])
    latencies: Latencies = field(default_factory=Latencies)


@dataclass(frozen=True)
class Watched:
    """How far the source and its scorer were at one moment.

    Args:
        first: The first offset of each partition of the source.
        end: The end of each partition (exclusive).
        scored: The next offset that the scorer will read; empty when it has never begun.
    """

    first: Mapping[int, int]
    end: Mapping[int, int]
    scored: Mapping[int, int]

    @property
    def total(self) -> int:
        """All offsets that the source ever had."""
        return sum(self.end.values())

    @property
    def held(self) -> int:
        """The records that it holds now."""
        return self.total - sum(self.first.values())

    @property
    def lag(self) -> int | None:
        """The records that are not scored yet; None when no scorer has ever begun."""
        if not self.scored:
            return None
        return sum(max(0, end - max(self.scored.get(each, 0), self.first[each])) for each, end in self.end.items())


def is_burst(rate: float, before: Sequence[float]) -> bool:
    """Whether a second's rate stands out of the known rates of the minute before it; nothing stands out of silence."""
    usual = median(before) if len(before) >= KNOWN else 0
    return usual > 0 and rate > BURST * usual


class State:
    """What was read so far. All times are epoch seconds of this machine's clock.

    Args:
        began: Since when it is told.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self.said, self.known, self.right, self.attacks = Counter[str](), Counter[str](), Counter[str](), 0
        self.malformed, self.fault, self.first = 0, "", 0
        self.latencies, self.last = Latencies(), deque[Alert](maxlen=LAST)
        self.last_of = {each: deque[tuple[int, Alert]](maxlen=OF_EACH) for each in ATTACKS}
        self.seconds: dict[int, Second] = {}
        self.rates: dict[int, float] = {}
        self.bursts: dict[int, float] = {}
        self.burst_count = 0
        self.watched: Watched | None = None
        self.heard, self.silence = 0.0, began
        self.troubles: dict[str, tuple[str, str]] = {}

    def add(self, alert: Alert, now: float) -> None:
        """Take in one alert."""
        self.said[alert.said] += 1
        if alert.actual is not None:
            self.known[alert.said] += 1
            self.right[alert.said] += alert.actual == alert.said
            self.attacks += alert.actual in ATTACKS
        self.latencies.add(alert.latency)
        self.last.appendleft(alert)
        self.last_of[alert.said].appendleft((self.said.total(), alert))
        self.first = min(self.first or alert.scored, alert.scored)
        second = min(alert.scored // 1000, int(now))
        if second > now - SHOWN:
            counted = self.seconds.setdefault(second, Second())
            counted.said[alert.said] += 1
            counted.latencies.add(alert.latency)

    def refuse(self, why: str) -> None:
        """Count a record that is no alert."""
        self.malformed, self.fault = self.malformed + 1, why

    def watch(self, watched: Watched, now: float) -> None:
        """Take in how far the source is; the rate since the last look is that of the seconds between."""
        before, since = self.watched, now - self.heard
        if before and 0 < since <= GAP and watched.total >= before.total:
            rate = (watched.total - before.total) / since
            for second in range(max(int(self.heard), int(now) - GAP), int(now)):
                self._rated(second, rate)
        self.watched, self.heard = watched, now
        self.tidy(now)

    def _rated(self, second: int, rate: float) -> None:
        usual = [self.rates[each] for each in range(second - MINUTE, second) if each in self.rates]
        if is_burst(rate, usual) and second not in self.bursts:
            self.bursts[second] = rate
            self.burst_count += 1
        self.rates[second] = rate

    def tidy(self, now: float) -> None:
        """Forget what no chart shows any more."""
        oldest = int(now) - SHOWN - MINUTE
        for kept in (self.seconds, self.rates, self.bursts):
            for second in [each for each in kept if each < oldest]:
                del kept[second]

    def trouble(self, now: float) -> tuple[str, str]:
        """What keeps the page from being current, and the next command; empty when nothing does."""
        for said in self.troubles.values():
            return said
        silent = now - (self.heard or self.began)
        if silent > FRESH:
            return f"Kafka has not answered for {silent:.0f} s", "make status"
        return "", ""

    @property
    def newest(self) -> list[Alert]:
        """The last alerts of all classes, then those of each class that are older, newest first."""
        older = self.said.total() - LAST
        rare = sorted(
            (each for of in self.last_of.values() for each in of if each[0] <= older), reverse=True, key=_number
        )
        return [*self.last, *(alert for _, alert in rare)]

    def span(self, seconds: Iterable[int]) -> tuple[Counter[str], Latencies]:
        """Alerts by class and latencies of some seconds together."""
        said, latencies = Counter[str](), Latencies()
        for second in seconds:
            if counted := self.seconds.get(second):
                said.update(counted.said)
                latencies += counted.latencies
        return said, latencies


def _number(numbered: tuple[int, Alert]) -> int:
    return numbered[0]
