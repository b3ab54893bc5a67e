"""Which brokers hold which partition: pure lists, few moves, racks apart."""

from collections import Counter
from collections.abc import Mapping, Sequence


def assign(
    current: Sequence[Sequence[int]], brokers: Mapping[int, str], factor: int, load: Mapping[int, int] | None = None
) -> list[list[int]]:
    """Give each partition `factor` replicas.

    What is there stays where it can: only what lacks is copied, and the leader is the last to go. A new replica goes to
    a rack that has none of the partition yet, then to the broker that holds the fewest replicas; a surplus one goes
    from the rack that has most, then from the broker that holds most.

    Args:
        current: The brokers of each partition, leader first.
        brokers: The brokers that are up, and the rack of each; "" where racks aren't said.
        factor: How many replicas each partition shall have.
        load: How many replicas each broker holds of all topics.

    Raises:
        ValueError: There are fewer brokers than that.
    """
    if factor > len(brokers):
        raise ValueError(f"{factor} replicas need {factor} brokers, and {len(brokers)} are up")
    held = Counter(broker for replicas in current for broker in replicas)
    total = Counter(dict(load or {}))
    result: list[list[int]] = []
    for replicas in current:
        wanted = [broker for broker in replicas if broker in brokers]
        held.subtract(broker for broker in replicas if broker not in brokers)
        while len(wanted) > factor:
            gone = _surplus(wanted, brokers, held, total)
            wanted.remove(gone)
            held[gone] -= 1
            total[gone] -= 1
        while len(wanted) < factor:
            wanted.append(_lacking(wanted, brokers, held, total))
            held[wanted[-1]] += 1
            total[wanted[-1]] += 1
        result.append(wanted)
    return result


def _lacking(wanted: list[int], brokers: Mapping[int, str], held: Counter[int], total: Counter[int]) -> int:
    racks = Counter(brokers[broker] for broker in wanted)
    free = [broker for broker in brokers if broker not in wanted]
    return min(free, key=lambda broker: (racks[brokers[broker]], held[broker], total[broker], broker))


def _surplus(wanted: list[int], brokers: Mapping[int, str], held: Counter[int], total: Counter[int]) -> int:
    racks = Counter(brokers[broker] for broker in wanted)
    followers = wanted[1:]
    return max(followers, key=lambda broker: (racks[brokers[broker]], held[broker], total[broker], broker))
