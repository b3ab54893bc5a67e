"""The difference between the topics that are declared and those that exist: pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field
from rich.markup import escape

from jobs.topics.declared import Topic

LOSSY = ("retention.ms", "retention.bytes")
"""Settings of which a smaller value deletes records; -1 is no limit."""


@dataclass(frozen=True)
class Actual:
    """One topic as it is.

    Args:
        partitions: How many.
        replication_factor: The fewest replicas of any of its partitions.
        configs: What is set on the topic itself.
        effective: Every setting, with the broker's defaults.
        internal: Kafka's own.
    """

    partitions: int
    replication_factor: int
    configs: Mapping[str, str]
    effective: Mapping[str, str]
    internal: bool = False


class Frozen(BaseModel):
    """A value that can be saved and read again."""

    model_config = ConfigDict(frozen=True)


class Setting(Frozen):
    """One setting, before and after; None is the broker's default."""

    name: str
    before: str | None
    after: str | None


class Change(Frozen):
    """What must be done to one topic. Settings without a dot are the topic's shape, not its configuration."""

    topic: str
    action: Literal["create", "change", "delete"]
    settings: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def configs(self) -> list[Setting]:
        """The settings of its configuration."""
        return [each for each in self.settings if "." in each.name or each.name == "preallocate"]

    def shape(self, name: Literal["partitions", "replication_factor"]) -> int | None:
        """The number of partitions or replicas it shall have, if this change sets it."""
        return next((int(each.after) for each in self.settings if each.name == name and each.after), None)


class Refusal(Frozen):
    """What a file asks for and is not done."""

    topic: str
    why: str


class Plan(Frozen):
    """All that must be done, and all that is refused, to make the cluster match the file."""

    file: str
    declared: int
    changes: tuple[Change, ...]
    refused: tuple[Refusal, ...] = ()
    applied: bool = False

    @computed_field
    @property
    def create(self) -> int:
        """How many topics are made."""
        return self._count("create")

    @computed_field
    @property
    def change(self) -> int:
        """How many topics are altered."""
        return self._count("change")

    @computed_field
    @property
    def delete(self) -> int:
        """How many topics are deleted."""
        return self._count("delete")

    def _count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)

    def text(self) -> str:
        """The plan as terraform would print it."""
        lines = [line for change in self.changes for line in _lines(change)]
        lines += [f"[red]! {escape(each.topic)}: {escape(each.why)}[/red]" for each in self.refused]
        if not lines:
            return f"no changes: {self.declared} topics are as {escape(self.file)} declares them"
        said = ("created", "changed", "deleted") if self.applied else ("to create", "to change", "to delete")
        counts = (self.create, self.change, self.delete)
        lines.append(", ".join(f"{count} {what}" for count, what in zip(counts, said, strict=True)))
        return "\n".join(lines)


def diff(declared: Mapping[str, Topic], actual: Mapping[str, Actual], *, file: str = "", prune: str = "") -> Plan:
    """What to do so that the actual topics become the declared ones.

    Args:
        declared: By name, defaults filled in.
        actual: By name; topics that are not declared matter only to `prune`.
        file: Where it is declared, for people.
        prune: Delete what is not declared and whose name this pattern fits; never Kafka's own or `_...`.
    """
    changes: list[Change] = []
    refused: list[Refusal] = []
    for name, topic in declared.items():
        if name not in actual:
            changes.append(Change(topic=name, action="create", settings=tuple(_all_of(topic))))
            continue
        refused += [Refusal(topic=name, why=why) for why in _refusals(topic, actual[name])]
        if settings := tuple(_differences(topic, actual[name])):
            changes.append(Change(topic=name, action="change", settings=settings, notes=_notes(settings)))
    changes += [
        Change(topic=name, action="delete")
        for name, topic in sorted(actual.items())
        if prune and fnmatchcase(name, prune) and name not in declared
        if not (topic.internal or name.startswith("_"))
    ]
    return Plan(file=file, declared=len(declared), changes=tuple(changes), refused=tuple(refused))


def _all_of(topic: Topic) -> Iterator[Setting]:
    for name in ("partitions", "replication_factor"):
        value = getattr(topic, name)
        yield Setting(name=name, before=None, after=None if value is None else str(value))
    for name, value in sorted(topic.configs.items()):
        yield Setting(name=name, before=None, after=value)


def _differences(topic: Topic, actual: Actual) -> Iterator[Setting]:
    if topic.partitions is not None and topic.partitions > actual.partitions:
        yield Setting(name="partitions", before=str(actual.partitions), after=str(topic.partitions))
    for name in sorted(topic.configs.keys() | actual.configs.keys()):
        before, after = actual.configs.get(name), topic.configs.get(name)
        if before != after:
            yield Setting(name=name, before=before, after=after)


def _refusals(topic: Topic, actual: Actual) -> Iterator[str]:
    if topic.partitions is not None and topic.partitions < actual.partitions:
        yield (
            f"partitions cannot shrink from {actual.partitions} to {topic.partitions}: "
            "Kafka cannot take a partition away; declare a new topic and move to it"
        )
    if topic.replication_factor not in (None, actual.replication_factor):
        yield (
            f"replication_factor is {actual.replication_factor}, declared {topic.replication_factor}: "
            "changing it moves data, which `topics apply` does not do yet; use kafka-reassign-partitions"
        )
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


def _notes(settings: tuple[Setting, ...]) -> tuple[str, ...]:
    if any(each.name == "partitions" for each in settings):
        return ("keyed records go to other partitions from now on: order by key breaks once",)
    return ()


def _lines(change: Change) -> Iterator[str]:
    sign, colour = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}[change.action]
    yield f"[{colour}]{sign}[/{colour}] {escape(change.topic)}"
    for each in change.settings:
        after = "default" if each.after is None else each.after
        step = after if change.action == "create" else f"{each.before or 'default'} -> {after}"
        yield f"    {escape(each.name)}: {escape(step)}"
    for note in change.notes:
        yield f"    [yellow]! {escape(note)}[/yellow]"
