"""MongoDB itself, and documents written into it once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from bson.codec_options import CodecOptions, TypeRegistry
from bson.decimal128 import Decimal128
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.write_concern import WriteConcern

from jobs import settings
from jobs.errors import JobError

Document = dict[str, Any]
REACH = 10_000  # milliseconds: as long as a replica set may take to elect
MAJORITY = 60_000  # milliseconds
THERE, INVALID = 11000, 121
"""MongoDB's errors of one document: a unique value of it is taken, and it breaks the collection's schema."""

REFUSALS = {THERE: "another document has a value that must be unique", INVALID: "refused by the collection's schema"}

LARGEST = 12 << 20
"""Bytes of a message that surely fits a document, which may have 16 MiB."""


@dataclass(frozen=True)
class Written:
    """What became of documents: each is new, was there before, or is refused with a reason."""

    new: int
    before: int
    refused: dict[int, str]


def database() -> Database[Document]:
    """The database that `MONGODB_DATABASE` names; what is written there is kept by most members.

    Raises:
        JobError: MongoDB does not answer, or refuses the credentials.
    """
    said = settings.load(settings.MongoDB)
    host = said.host if "://" in said.host else f"mongodb://{said.host}"
    password = said.password.get_secret_value() if said.password else None
    try:
        client: MongoClient[Document] = MongoClient(
            host, username=said.username, password=password, appname="headrace", serverSelectionTimeoutMS=REACH
        )
        client.admin.command("ping")
    except PyMongoError as error:
        raise JobError(
            f"MongoDB at {_shown(said.host)} does not take us: {str(error).partition(',')[0]}",
            hint="make up WITH=documents, make status",
        ) from error
    return client.get_database(said.database, OPTIONS)


def collection(name: str) -> Collection[Document]:
    """A collection that acknowledges a write when most members of the replica set have it.

    Raises:
        JobError: MongoDB does not answer.
    """
    return database().get_collection(name, write_concern=WriteConcern("majority", wtimeout=MAJORITY))


def write(into: Collection[Document], documents: Mapping[int, Document]) -> Written:
    """Write documents that are not there; one whose `_id` is there is left as it is.

    Args:
        into: Where to.
        documents: By whatever the caller knows them by.

    Raises:
        JobError: The write failed, or most members did not acknowledge it in time; any part may have been written.
    """
    if not documents:
        return Written(0, 0, {})
    places = list(documents)
    try:  # upserts that write only what is not there take half as long again, to the same end
        into.insert_many(documents.values(), ordered=False)
    except BulkWriteError as error:
        return _judged(error, places)
    except PyMongoError as error:
        raise JobError(f"{into.full_name}: {error}", hint="make status") from error
    return Written(len(places), 0, {})


def _judged(error: BulkWriteError, places: list[int]) -> Written:
    """What was written all the same: some were there before, and the schema or an index may refuse some."""
    details: Any = error.details
    failed: list[Any] = details["writeErrors"]
    others = [each for each in failed if each["code"] not in (THERE, INVALID)]
    if others or details.get("writeConcernErrors"):
        why = (others or details["writeConcernErrors"])[0]["errmsg"]
        raise JobError(f"a batch was not written: {why}", hint="make status") from error
    refused: dict[int, str] = {places[each["index"]]: REFUSALS[each["code"]] for each in failed if not _there(each)}
    return Written(len(places) - len(failed), len(failed) - len(refused), refused)


def _there(failed: Any) -> bool:
    """Whether a document was not written because it is there: by its id, not by another unique index."""
    return failed["code"] == THERE and "index: _id_" in failed["errmsg"]


def _encode(value: Any) -> Any:
    """What BSON has no type for: exact decimals, and days."""
    if isinstance(value, Decimal):
        return Decimal128(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return value


def _shown(host: str) -> str:
    """An address without the password that a URI may hold."""
    return host.rpartition("@")[2]


OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True, type_registry=TypeRegistry(fallback_encoder=_encode))
