"""The difference between the topics that are declared and those that exist: pure."""

from collections.abc import Iterator, Mapping

from jobs.plans import Setting
from jobs.topics.changes import THROTTLED, Actual, Change, Plan, Refusal
from jobs.topics.declared import Topic

LOSSY = ("retention.ms", "retention.bytes")
"""Settings of which a smaller value deletes records; -1 is no limit."""


def diff(
    declared: Mapping[str, Topic], actual: Mapping[str, Actual], *, file: str = "", brokers: int | None = None
) -> Plan:
    """What to do so that the actual topics become the declared ones; nothing is ever deleted.

    Args:
        declared: By name, defaults filled in.
        actual: By name; topics that are not declared do not matter.
        file: Where it is declared, for people.
        brokers: How many brokers could hold a replica, if that is known.
    """
    changes: list[Change] = []
    refused: list[Refusal] = []
    for name, topic in declared.items():
        if name not in actual:
            changes.append(Change(topic=name, action="create", settings=tuple(_all_of(topic))))
            continue
        refused += [Refusal(topic=name, why=why) for why in _refusals(topic, actual[name], brokers)]
        if settings := tuple(_differences(topic, actual[name])):
            changes.append(Change(topic=name, action="change", settings=settings))
    return Plan(file=file, declared=len(declared), changes=tuple(changes), refused=tuple(refused))


def remaining(plan: Plan, actual: Mapping[str, Actual]) -> Plan:
    """What of a plan is still to be done: all of it at first, nothing when it is done, the rest after a kill."""
    changes: list[Change] = []
    for change in plan.changes:
        there = actual.get(change.topic)
        if there is None:
            if change.action == "create":
                changes.append(change)
            continue
        now = state(there)
        settings = tuple(
            each.model_copy(update={"before": now.get(each.name)})
            for each in change.settings
            if each.after != now.get(each.name) and not (each.after is None and "." not in each.name)
        )
        if settings:
            changes.append(change.model_copy(update={"action": "change", "settings": settings}))
    return plan.model_copy(update={"changes": tuple(changes)})


def stale(plan: Plan, cluster: str, actual: Mapping[str, Actual]) -> list[str]:
    """What has changed since a plan was saved, in sentences; what the plan itself did is not a change.

    Args:
        plan: One with a basis.
        cluster: The id of the cluster as it is now.
        actual: The plan's topics as they are now, with their ids.
    """
    basis = plan.basis
    if basis is None:
        return ["the plan does not say what it was made from"]
    if basis.cluster != cluster:
        return [f"it was made for cluster {basis.cluster}, this is {cluster}"]
    return [why for change in plan.changes for why in _changed(change, basis.topics, actual.get(change.topic))]


def state(topic: Actual) -> dict[str, str]:
    """A topic as its settings, shape included."""
    factors = ",".join(map(str, topic.factors))
    return {"partitions": str(topic.partitions), "replication_factor": factors, **topic.configs}


def _changed(change: Change, ids: Mapping[str, str], now: Actual | None) -> Iterator[str]:
    if now is None:
        if change.action == "change":
            yield f"topic {change.topic} is gone"
        return
    if change.action == "change" and now.id != ids.get(change.topic):
        yield f"topic {change.topic} was deleted and made again"
        return
    found = state(now)
    for each in change.settings:
        is_now = found.get(each.name)
        left_to_broker = change.action == "create" and each.after is None
        if not (left_to_broker or _expected(each, is_now)):
            yield (
                f"topic {change.topic}: {each.name} was {each.before or 'not set'} "
                f"and is {is_now or 'not set'} now (the plan makes it {each.after or 'not set'})"
            )


def _expected(setting: Setting, now: str | None) -> bool:
    """Whether a setting is as a plan found it, as the plan makes it, or on its way from one to the other."""
    if setting.name == "replication_factor" and now and setting.before and setting.after:
        return set(now.split(",")) <= {*setting.before.split(","), setting.after}
    return now in (setting.before, setting.after)


def _all_of(topic: Topic) -> Iterator[Setting]:
    for name in ("partitions", "replication_factor"):
        value = getattr(topic, name)
        yield Setting(name=name, before=None, after=None if value is None else str(value))
    for name, value in sorted(topic.configs.items()):
        yield Setting(name=name, before=None, after=value)


def _differences(topic: Topic, actual: Actual) -> Iterator[Setting]:
    now = state(actual)
    if topic.partitions is not None and topic.partitions > actual.partitions:
        yield Setting(name="partitions", before=now["partitions"], after=str(topic.partitions))
    if topic.replication_factor is not None and actual.factors != [topic.replication_factor]:
        yield Setting(name="replication_factor", before=now["replication_factor"], after=str(topic.replication_factor))
    for name in sorted(topic.configs.keys() | actual.configs.keys()):
        if actual.moving and name in THROTTLED:
            continue  # they go when the move has ended
        before, after = actual.configs.get(name), topic.configs.get(name)
        if before != after:
            yield Setting(name=name, before=before, after=after)


def _refusals(topic: Topic, actual: Actual, brokers: int | None) -> Iterator[str]:
    if topic.partitions is not None and topic.partitions < actual.partitions:
        yield (
            f"partitions cannot shrink from {actual.partitions} to {topic.partitions}: "
            "Kafka cannot take a partition away; declare a new topic and move to it"
        )
    factor = topic.replication_factor
    if brokers is not None and factor and factor > brokers and actual.factors != [factor]:
        yield f"replication_factor {factor} needs {factor} brokers, and {brokers} are up"
    if topic.protected:
        for each in _differences(topic, actual):
            if _loses(each, actual.effective.get(each.name)):
                yield (
                    f"{each.name} {each.before or actual.effective.get(each.name)} -> "
                    f"{each.after or 'default'} can delete records, and the topic is protected; "
                    "set protected: false first"
                )


def _loses(setting: Setting, effective: str | None) -> bool:
    if setting.name == "cleanup.policy":
        return setting.after != effective
    if setting.name not in LOSSY:
        return False
    before, after = (
        float("inf") if limit == "-1" else float(limit or "nan")
        for limit in (setting.before or effective, setting.after)
    )
    return not after >= before  # an unknown default counts as shorter
