"""Two write the same entry of a table at the same time: the later one is refused, and says so in a line."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jobs import lake, settings
from jobs.spark import session
from tests.services.copies import Copy, eventually, run


def test_with_drivers_of_their_own_the_later_is_refused(stack: Copy, tmp_path: Path) -> None:
    own = {"LAKE_URI": str(tmp_path / "lake"), "SPARK_MASTER": "local[2]", "PYSPARK_PYTHON": sys.executable}
    done = run(".venv/bin/python", "-m", __name__, str(tmp_path), **stack.env | own)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [
        "JobError: gold/conflict: another run wrote entry 2 of the ledger first; nothing of this run was written",
        "ids [0, 7]",
    ]


def main(folder: Path) -> None:
    """Begin to write entry 2, write it meanwhile, and go on."""
    settings.load_dotenv_file()
    spark = session("test-conflicts", own=True)
    table = lake.Table(spark, "gold/conflict")
    table.commit(spark.range(1), lake.Entry(1))
    begun, ended = folder / "begun", folder / "ended"

    def slowly(frames: Iterator[Any]) -> Iterator[Any]:
        begun.touch()
        eventually(ended.exists, seconds=60)
        yield from frames

    with ThreadPoolExecutor() as threads:
        rows = spark.range(8, 9, numPartitions=1).mapInPandas(slowly, "id long")
        late = threads.submit(table.commit, rows, lake.Entry(2))
        eventually(begun.exists, seconds=60)
        table.commit(spark.range(7, 8), lake.Entry(2))
        ended.touch()
        refused = late.exception()
    sys.stdout.write(f"{type(refused).__name__}: {refused}\n")
    sys.stdout.write(f"ids {sorted(row[0] for row in table.read().collect())}\n")
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
