"""Plans: what must be done so that what is declared is so, as a value that is printed, saved and done. Pure."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, computed_field

Action = Literal["create", "change", "delete"]
SIGNS: dict[Action, str] = {"create": "[green]+[/green]", "change": "[yellow]~[/yellow]", "delete": "[red]-[/red]"}
"""How a change begins on a terminal, in rich's markup."""


class Frozen(BaseModel):
    """A value that can be saved and read again."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Setting(Frozen):
    """One setting, before and after; None is not set."""

    name: str
    before: str | None
    after: str | None


class Change(Frozen):
    """What must be done to one thing; each noun adds which, and how."""

    action: Action


C = TypeVar("C", bound=Change)


class Plan(BaseModel, Generic[C]):
    """All that must be done to make the actual state match a file.

    Args:
        file: What declares it.
        declared: How many things it declares.
        changes: What to do, in this order.
        applied: Whether it has been done.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    declared: int
    changes: tuple[C, ...]
    applied: bool = False

    @computed_field
    @property
    def create(self) -> int:
        """How many things are made or given."""
        return self._count("create")

    @computed_field
    @property
    def change(self) -> int:
        """How many are altered."""
        return self._count("change")

    @computed_field
    @property
    def delete(self) -> int:
        """How many are deleted or taken away."""
        return self._count("delete")

    def summary(self) -> str:
        """The last line of the plan, as terraform would print it."""
        said = "{} created, {} changed, {} deleted" if self.applied else "{} to create, {} to change, {} to delete"
        return said.format(self.create, self.change, self.delete)

    def _count(self, action: Action) -> int:
        return sum(each.action == action for each in self.changes)
