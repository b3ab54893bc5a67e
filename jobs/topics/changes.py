"""What must be done to topics, as a value: printed, saved, and done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rich.markup import escape

from jobs import plans
from jobs.plans import Frozen, Setting

THROTTLED = ("leader.replication.throttled.replicas", "follower.replication.throttled.replicas")
"""Settings that mark a topic while its replicas are copied slowly."""

Replicas = tuple[tuple[int, ...], ...]
"""The brokers of each partition, by partition; the first of them leads when it can."""


@dataclass(frozen=True)
class Actual:
    """One topic as it is.

    Args:
        replicas: Where each partition is, without the replicas that are only being made.
        configs: What is set on the topic itself.
        effective: Every setting, with the broker's defaults.
        moving: Where each partition that is on its way shall be.
        id: What the cluster calls it; a topic deleted and made again has another. Only known when asked for.
    """

    replicas: Replicas
    configs: Mapping[str, str]
    effective: Mapping[str, str]
    moving: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    id: str = ""

    @property
    def partitions(self) -> int:
        """How many."""
        return len(self.replicas)

    @property
    def factors(self) -> list[int]:
        """The numbers of replicas that its partitions have: usually one number."""
        return sorted({len(each) for each in self.replicas})


class Change(plans.Change):
    """What must be done to one topic. Settings without a dot are the topic's shape, not its configuration."""

    topic: str
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


class Basis(Frozen):
    """What a plan was made from: it is not done on another cluster, nor on another topic of the same name.

    Args:
        cluster: The cluster's id.
        topics: The id of each topic that is changed; those that are made have none.
    """

    cluster: str
    topics: dict[str, str]


class Plan(plans.Plan[Change]):
    """All that must be done, and all that is refused, to make the cluster match the file. Nothing is ever deleted."""

    refused: tuple[Refusal, ...] = ()
    basis: Basis | None = None

    @property
    def moves(self) -> dict[str, int]:
        """The topics whose replicas move, and how many they shall be."""
        wanted = {each.topic: each.shape("replication_factor") for each in self.changes if each.action == "change"}
        return {topic: factor for topic, factor in wanted.items() if factor}

    def at_once(self) -> "Plan":
        """The same without what takes its time: the moves."""
        changes = (
            each
            if each.action == "create"
            else each.model_copy(
                update={"settings": tuple(one for one in each.settings if one.name != "replication_factor")}
            )
            for each in self.changes
        )
        return self.model_copy(update={"changes": tuple(each for each in changes if each.settings)})

    def text(self) -> str:
        """The plan as terraform would print it."""
        lines = [line for change in self.changes for line in _lines(change)]
        lines += [f"[red]! {escape(each.topic)}: {escape(each.why)}[/red]" for each in self.refused]
        if not lines:
            return f"no changes: {self.declared} topics are as {escape(self.file)} declares them"
        return "\n".join([*lines, self.summary()])


def _lines(change: Change) -> Iterator[str]:
    yield f"{plans.SIGNS[change.action]} {escape(change.topic)}"
    for each in change.settings:
        after = "default" if each.after is None else each.after
        step = after if change.action == "create" else f"{each.before or 'default'} -> {after}"
        less = "[red]-[/red] " if change.action == "change" and each.after is None else "  "
        yield f"  {less}{escape(each.name)}: {escape(step)}"
    for note in change.notes:
        yield f"    [yellow]! {escape(note)}[/yellow]"
