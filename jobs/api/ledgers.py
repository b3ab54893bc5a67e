"""The tables' ledgers, read from their commit logs without Spark: wherever pyarrow reads files (a folder, s3, gs)."""
# pyarrow has no types of its own:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyarrow import ArrowException
from pyarrow import fs as files

from jobs.entries import Commit
from jobs.errors import JobError
from jobs.shown import Shown, shown

LAYERS = ("bronze", "silver", "gold")
COMMIT = re.compile(r"(\d{20})\.json")
Bounds = Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Other:
    """A table that is of no topic's three layers, by its last commit.

    Args:
        table: Folder and name: `scored/demo`.
        version: Its newest version.
        commits: How many commits its log still has.
        operation: What the last one did, as Delta calls it.
        rows: How many rows that wrote.
        at: When that was.
    """

    table: str
    version: int
    commits: int
    operation: str
    rows: int
    at: datetime


@dataclass(frozen=True)
class Ledgers:
    """What the lake says of itself.

    Args:
        topics: The ledgers of each topic's tables.
        tables: The other tables.
    """

    topics: tuple[Shown, ...]
    tables: tuple[Other, ...]


class Lake:
    """The tables of a lake; a commit is read once, for it never changes.

    Args:
        uri: A folder, or a URI of an object store.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._known: dict[str, dict[tuple[str, int], Commit]] = {}
        self._files: Any = None
        self._root = ""

    def reach(self) -> None:
        """Look whether the lake is there.

        Raises:
            JobError: It is not, or cannot be reached.
        """
        self._folders("")

    def histories(self) -> dict[str, list[Commit]]:
        """The commits of each table, oldest first.

        Raises:
            JobError: The lake cannot be read.
        """
        names = [f"{layer}/{name}" for layer in self._folders("") for name in self._folders(layer)]
        found = {name: history for name in names if (history := self._history(name))}
        self._known = {name: known for name, known in self._known.items() if name in found}
        return found

    def _folders(self, below: str) -> list[str]:
        return sorted(each.base_name for each in self._list(below) if each.type == files.FileType.Directory)

    def _list(self, below: str, *, absent: bool = False) -> list[Any]:
        try:
            if self._files is None:
                self._files, self._root = files.FileSystem.from_uri(self.uri)
            path = f"{self._root.rstrip('/')}/{below}".rstrip("/")
            return self._files.get_file_info(files.FileSelector(path, allow_not_found=absent))
        except (OSError, ArrowException) as error:
            raise JobError(f"the lake {self.uri} cannot be read: {error}", hint="check LAKE_URI") from error

    def _history(self, name: str) -> list[Commit]:
        known = self._known.setdefault(name, {})
        found: dict[tuple[str, int], Commit] = {}
        for each in self._list(f"{name}/_delta_log", absent=True):
            if COMMIT.fullmatch(each.base_name):
                key = each.base_name, each.mtime_ns or 0  # a table that was made anew has other times
                found[key] = known.get(key) or self._commit(each)
        self._known[name] = found
        return sorted(found.values(), key=lambda each: each.version)

    def _commit(self, file: Any) -> Commit:
        try:
            with self._files.open_input_stream(file.path) as stream:
                lines = stream.read().splitlines()
        except (OSError, ArrowException) as error:
            raise JobError(f"the lake {self.uri} cannot be read: {error}", hint="check LAKE_URI") from error
        said = next((json.loads(line)["commitInfo"] for line in lines if b'"commitInfo"' in line[:20]), {})
        return commit(int(file.base_name[:20]), said)


def commit(version: int, said: Mapping[str, Any]) -> Commit:
    """A commit as `DESCRIBE HISTORY` tells it.

    Args:
        version: The version that it made.
        said: The `commitInfo` of its file.
    """
    metrics: Mapping[str, Any] = said.get("operationMetrics") or {}
    parameters: Mapping[str, Any] = said.get("operationParameters") or {}
    return Commit(
        version,
        int(said.get("inCommitTimestamp") or said.get("timestamp") or 0),
        str(said.get("operation", "")),
        {
            name: value if value is None or isinstance(value, str) else json.dumps(value)
            for name, value in parameters.items()
        },
        said.get("userMetadata"),
        int(metrics.get("numOutputRows", metrics.get("num_added_rows", 0))) - int(metrics.get("numCopiedRows", 0)),
        str(said.get("engineInfo", "")),
    )


def summary(histories: Mapping[str, list[Commit]], available: Callable[[str], Bounds | None], last: int) -> Ledgers:
    """What `ledger show` says of every topic, and the other tables.

    Args:
        histories: The commits of each table, by name.
        available: First and end offset of each partition of a topic; None when it can't be read.
        last: How many entries of each table, the newest first.
    """
    topics = sorted({name.partition("/")[2] for name in histories if name.partition("/")[0] in LAYERS})
    of_topics: list[Shown] = []
    for topic in topics:
        layers = {name: histories[name] for layer in LAYERS if (name := f"{layer}/{topic}") in histories}
        of_topics.append(shown(topic, layers, available(topic), last))
    others = [_other(name, found) for name, found in histories.items() if name.partition("/")[0] not in LAYERS]
    return Ledgers(tuple(of_topics), tuple(others))


def _other(name: str, history: list[Commit]) -> Other:
    newest = history[-1]
    at = datetime.fromtimestamp(newest.at / 1000, UTC)
    return Other(name, newest.version, len(history), newest.operation, newest.rows, at)
