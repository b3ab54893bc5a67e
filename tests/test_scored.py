"""The table of what was scored: an entry's number is written once, whoever tries, and no Spark is needed for it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, cast

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from jobs import entries
from jobs.api.ledgers import Lake
from jobs.entries import Entry
from jobs.errors import JobError
from jobs.forest.scored import COLUMNS, Scored

NOBODY = cast(SparkSession, None)  # only reading asks Spark


def rows(count: int) -> Any:
    return pa.table({name: pa.array(range(count), pa.int64()) for name in COLUMNS})


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKE_URI", str(tmp_path))
    return tmp_path


def test_a_number_is_written_once_also_by_who_has_not_looked_for_long(lake: Path) -> None:
    first, second = Scored(NOBODY, "t"), Scored(NOBODY, "t")

    assert first.append(rows(3), Entry(1))
    assert not second.append(rows(5), Entry(1))
    assert first.append(rows(4), Entry(2))
    assert not second.append(rows(5), Entry(2))
    assert second.append(rows(6), Entry(3))
    assert not first.append(rows(5), Entry(3))
    history = Lake(str(lake)).histories()["scored/t"]
    assert [each.rows for each in history if each.metadata] == [3, 4, 6]
    assert [each.sequence for each in entries.entries(history)] == [1, 2, 3]


@pytest.mark.parametrize("before", [0, 1], ids=["who make the table", "who add to it"])
def test_of_several_at_once_one_writes(lake: Path, before: int) -> None:
    writers = 4
    together = Barrier(writers)
    tables = [Scored(NOBODY, "t") for _ in range(writers)]
    for number in range(before):
        assert tables[0].append(rows(1), Entry(number + 1))

    def write(table: Scored) -> bool:
        together.wait()
        return table.append(rows(2), Entry(before + 1))

    with ThreadPoolExecutor(writers) as pool:
        assert sorted(pool.map(write, tables)) == [False] * (writers - 1) + [True]
    assert len(entries.entries(Lake(str(lake)).histories()["scored/t"])) == before + 1


def test_a_lake_that_takes_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "file"))
    with pytest.raises(JobError, match="scored/t can't be written"):
        Scored(NOBODY, "t").append(rows(1), Entry(1))
