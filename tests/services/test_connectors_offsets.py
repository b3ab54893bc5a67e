"""connectors offsets, through the command line, on a real worker."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.services.connector import FILE_SOURCE, Bench, answer, sink
from tests.services.copies import Copy, eventually


@pytest.fixture
def bench(stack: Copy, tmp_path: Path) -> Iterator[Bench]:
    with Bench.made(stack, tmp_path) as mine:
        yield mine


def test_offsets_are_moved_after_a_preview_that_counts(bench: Bench) -> None:
    bench.topic(*[b"%d" % n for n in range(20)])
    bench.create(sink(bench))
    out = bench.folder / "out"
    lines = lambda: out.read_text().splitlines() if out.exists() else []  # noqa: E731
    eventually(lambda: len(lines()) == 20)

    def behind() -> int:
        listed = answer(bench.headrace("offsets", "list", bench.name))
        return sum(each["end"] - (each["now"] or 0) for each in listed["partitions"])

    eventually(lambda: behind() == 0)
    preview = answer(bench.headrace("offsets", "alter", bench.name, "--to=0:4,1:10", "--dry-run"))
    assert (preview["replayed"], preview["skipped"], preview["applied"]) == (6, 0, False)
    alone = bench.headrace("offsets", "alter", bench.name, "--to=0:4,1:10")
    assert alone.returncode == 2
    assert "would replay 6 and skip 0 records: nobody can be asked here" in alone.stderr
    assert "--yes" in alone.stderr
    moved = answer(bench.headrace("offsets", "alter", bench.name, "--to=0:4,1:10", "--yes"))
    assert (moved["replayed"], moved["applied"]) == (6, True)
    eventually(lambda: len(lines()) == 26)
    assert [int(each) for each in lines()[20:]] == [8, 10, 12, 14, 16, 18]

    eventually(lambda: behind() == 0)
    again = answer(bench.headrace("offsets", "reset", bench.name, "--yes"))
    assert again["replayed"] == 20
    eventually(lambda: len(lines()) == 46)
    assert answer(bench.headrace("status", bench.name))[0]["state"] == "RUNNING"

    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    past = answer(bench.headrace("offsets", "alter", bench.name, f"--to={soon}", "--dry-run"))
    assert {each["then"] for each in past["partitions"]} == {10}
    outside = bench.headrace("offsets", "alter", bench.name, "--to=11", "--dry-run")
    assert outside.returncode == 2
    assert "has the offsets 0 to 10, and 11 is none of them" in outside.stderr


def test_a_source_is_moved_by_its_own_words(bench: Bench) -> None:
    source = bench.folder / "in"
    source.write_text("one\ntwo\n")
    bench.topic()
    bench.create({"connector.class": FILE_SOURCE, "tasks.max": 1, "topic": bench.name, "file": str(source)})
    listed = lambda: answer(bench.headrace("offsets", "list", bench.name))["partitions"]  # noqa: E731
    eventually(listed)
    assert listed()[0]["now"] == {"position": 8}
    refused = bench.headrace("offsets", "alter", bench.name, "--to=earliest", "--yes")
    assert refused.returncode == 2
    assert "is a source" in refused.stderr
    moved = answer(bench.headrace("offsets", "alter", bench.name, '--to={"position": 4}', "--yes"))
    assert "Connect can't say" in moved["note"]

    def held() -> int:
        reader = Consumer({**bench.kafka, "group.id": "test"})
        ends = [reader.get_watermark_offsets(TopicPartition(bench.name, each), timeout=10)[1] for each in (0, 1)]
        reader.close()
        return sum(ends)

    eventually(lambda: held() == 3)
