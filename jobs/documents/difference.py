"""The difference between the collections that are declared and those that exist: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs import plans
from jobs.documents.declared import Collection, Index


@dataclass(frozen=True)
class Actual:
    """One collection as it is.

    Args:
        validator: What it checks; empty is nothing.
        level: Which documents it checks.
        indexes: The options of each index by its name, with `key`; without that of `_id`.
    """

    validator: Mapping[str, Any] = field(default_factory=dict[str, Any])
    level: str = "strict"
    indexes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


class Change(plans.Change):
    """What must be done to one collection: to itself, to what it checks, or to one index of it."""

    collection: str
    what: Literal["collection", "schema", "index"]
    name: str = ""


class Plan(plans.Plan[Change]):
    """All that must be done.

    Args:
        unchecked: Collections whose schema this server does not check: MongoDB's stand-in has no validation.
        undeclared: Indexes that nobody declares; they are left.
    """

    unchecked: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def diff(file: str, declared: list[Collection], actual: Mapping[str, Actual], *, checks: bool) -> Plan:
    """What to do so that the collections are as declared; nothing is deleted.

    Args:
        file: What declares them.
        declared: How they should be.
        actual: How they are, by name.
        checks: Whether the server can check documents.
    """
    changes, refused, undeclared = list[Change](), list[str](), list[str]()
    for each in declared:
        there = actual.get(each.name)
        if there is None:
            changes.append(Change(action="create", collection=each.name, what="collection"))
            there = Actual(validator(each) if checks else {}, each.level)
        if checks and (dict(there.validator) != validator(each) or (each.documents and there.level != each.level)):
            changes.append(Change(action="change", collection=each.name, what="schema"))
        for index in each.indexes:
            if index.name not in there.indexes:
                changes.append(Change(action="create", collection=each.name, what="index", name=index.name))
            elif options(index) != _comparable(there.indexes[index.name]):
                refused.append(
                    f"{each.name}: the index {index.name} is there with another definition; give it a new name"
                )
        names = {index.name for index in each.indexes}
        undeclared += [f"{each.name}.{name}" for name in there.indexes if name not in names]
    return Plan(
        file=file,
        declared=len(declared),
        changes=tuple(changes),
        unchecked=() if checks else tuple(each.name for each in declared if each.documents),
        undeclared=tuple(undeclared),
        refused=tuple(refused),
    )


def validator(each: Collection) -> dict[str, Any]:
    """What MongoDB calls a validator; empty checks nothing."""
    return {"$jsonSchema": each.documents} if each.documents else {}


def options(index: Index) -> dict[str, Any]:
    """An index as MongoDB lists it."""
    said: dict[str, Any] = {"key": [*index.keys]}
    if index.unique:
        said["unique"] = True
    if index.expire_after is not None:
        said["expireAfterSeconds"] = index.expire_after
    return said


def _comparable(listed: Mapping[str, Any]) -> dict[str, Any]:
    """What of a listed index was declared; numbers may come back as others that are equal."""
    key = [(name, way if isinstance(way, str) else int(way)) for name, way in dict(listed["key"]).items()]
    said: dict[str, Any] = {"key": key}
    if listed.get("unique"):
        said["unique"] = True
    if "expireAfterSeconds" in listed:
        said["expireAfterSeconds"] = int(listed["expireAfterSeconds"])
    return said
