"""The collections as MongoDB has them, and what is done to them."""

from collections.abc import Callable, Mapping
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from jobs.documents.client import Document
from jobs.documents.declared import Collection
from jobs.documents.difference import Actual, Change, options, validator
from jobs.errors import JobError

UNKNOWN = 59  # MongoDB's error of a command that it does not know
EXISTS = 48


def checks(database: Database[Document]) -> bool:
    """Whether the server can check documents: every MongoDB can, its stand-in does not know the command.

    Raises:
        JobError: The server fails.
    """
    try:
        database.client.admin.command("hello")
    except OperationFailure as error:
        if error.code == UNKNOWN:
            return False
        raise JobError(f"MongoDB: {error}") from error
    return True


def read(database: Database[Document], names: list[str]) -> dict[str, Actual]:
    """The collections of these names that exist.

    Raises:
        JobError: The server fails.
    """
    found: dict[str, Actual] = {}
    try:
        for each in database.list_collections(filter={"name": {"$in": names}}):
            name, said = str(each["name"]), dict[str, Any](each.get("options") or {})
            if name not in names:
                continue
            indexes = {str(index["name"]): dict(index) for index in database[name].list_indexes()}
            indexes.pop("_id_", None)
            found[name] = Actual(said.get("validator") or {}, said.get("validationLevel") or "strict", indexes)
    except PyMongoError as error:
        raise JobError(f"MongoDB: {error}", hint="make status") from error
    return found


def make(
    database: Database[Document], changes: tuple[Change, ...], declared: Mapping[str, Collection], *, check: bool
) -> None:
    """Do what is to be done, in order; what another did meanwhile is well.

    Raises:
        JobError: MongoDB refuses something; what came before it is done.
    """
    ways: dict[str, Callable[[Collection, str], None]] = {
        "collection": lambda each, _: _create(database, each, check=check),
        "schema": lambda each, _: _check(database, each),
        "index": lambda each, name: _index(database, each, name),
    }
    for change in changes:
        try:
            ways[change.what](declared[change.collection], change.name)
        except PyMongoError as error:
            what = " ".join(filter(None, (change.what, change.name)))
            raise JobError(f"{change.collection}: {what}: {error}", hint="headrace documents plan") from error


def _create(database: Database[Document], each: Collection, *, check: bool) -> None:
    said: dict[str, Any] = (
        {"validator": validator(each), "validationLevel": each.level} if check and each.documents else {}
    )
    try:
        database.command("create", each.name, **said)
    except OperationFailure as error:
        if error.code != EXISTS:
            raise


def _check(database: Database[Document], each: Collection) -> None:
    database.command("collMod", each.name, validator=validator(each), validationLevel=each.level)


def _index(database: Database[Document], each: Collection, name: str) -> None:
    index = next(index for index in each.indexes if index.name == name)
    said = options(index)
    database[each.name].create_index(said.pop("key"), name=name, **said)
