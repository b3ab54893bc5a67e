"""The documents, read from MongoDB: I/O only, no decisions."""
# pymongo types documents as Any:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any, Protocol

from pymongo import MongoClient
from pymongo.errors import ExecutionTimeout, PyMongoError

from jobs import settings
from jobs.api.documents import Document
from jobs.api.problems import ProblemError
from jobs.errors import JobError

PATIENCE = 2_000
"""How long to look for a server, in milliseconds."""

LONGEST = 5_000
"""How long one question may take there, in milliseconds."""


class Documents(Protocol):
    """What the API needs of a document store."""

    def reach(self) -> None:
        """Look whether it is there."""
        ...

    def collections(self) -> list[str]:
        """The names of what it holds."""
        ...

    def sortable(self, collection: str) -> set[str]:
        """The fields by which a collection is sorted without reading all of it."""
        ...

    def find(
        self, collection: str, condition: Document, order: Sequence[tuple[str, int]], limit: int, fields: Sequence[str]
    ) -> list[Document]:
        """The first documents that meet a condition; without fields, whole ones."""
        ...


class Mongo:
    """A database of MongoDB, or of what speaks its protocol.

    Args:
        client: How it is reached.
        database: Its name.
    """

    def __init__(self, client: "MongoClient[Document]", database: str) -> None:
        self.database = client.get_database(database)

    @classmethod
    def at(cls, said: settings.MongoDB) -> "Mongo":
        """The database that the environment names."""
        uri = said.host if said.host.startswith(("mongodb://", "mongodb+srv://")) else f"mongodb://{said.host}"
        times = {"serverSelectionTimeoutMS": PATIENCE, "connectTimeoutMS": PATIENCE, "socketTimeoutMS": 2 * LONGEST}
        password = said.password.get_secret_value() if said.password else ""
        user: dict[str, Any] = {"username": said.username, "password": password} if said.username else {}
        client: MongoClient[Document] = MongoClient(
            uri, **times, **user, tz_aware=True, tzinfo=UTC, maxPoolSize=50, appname="headrace-api"
        )
        return cls(client, said.database)

    def reach(self) -> None:
        """Look whether it is there.

        Raises:
            JobError: It is not.
        """
        with _asking():
            self.database.command("ping")

    def collections(self) -> list[str]:
        """The names of its collections.

        Raises:
            JobError: It cannot be asked.
        """
        with _asking():
            return sorted(name for name in self.database.list_collection_names() if not name.startswith("system."))

    def sortable(self, collection: str) -> set[str]:
        """`_id`, and the first field of each index.

        Raises:
            JobError: It cannot be asked.
        """
        with _asking():
            indexes = self.database[collection].index_information()
        return {"_id", *(str(each["key"][0][0]) for each in indexes.values())}

    def find(
        self, collection: str, condition: Document, order: Sequence[tuple[str, int]], limit: int, fields: Sequence[str]
    ) -> list[Document]:
        """The first documents that meet a condition.

        Raises:
            ProblemError: It takes too long.
            JobError: It cannot be asked.
        """
        wanted = dict.fromkeys(_widest(fields), 1) or None
        with _asking():
            found = self.database[collection].find(condition, wanted).sort(list(order)).limit(limit)
            return list(found.max_time_ms(LONGEST))


def _widest(fields: Sequence[str]) -> list[str]:
    """Without what lies in another one of them: MongoDB takes no `a` beside `a.b`."""
    return [each for each in fields if not any(each.startswith(f"{other}.") for other in fields)]


@contextmanager
def _asking() -> Generator[None, None, None]:
    try:
        yield
    except ExecutionTimeout as error:
        raise ProblemError(
            503, f"MongoDB needs more than {LONGEST // 1000} s for this", hint="filter by a field that has an index"
        ) from error
    except PyMongoError as error:
        why = str(error).partition(",")[0].partition(" (configured timeouts")[0]
        raise JobError(f"MongoDB cannot be used: {why}", hint="check MONGODB_HOST; headrace doctor") from error
