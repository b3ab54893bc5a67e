"""Backfills without services: what is planned, what waits for what, and what the record keeps."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.backfill import gate, planning, record, work
from flows.backfill.gate import Pace
from flows.backfill.planning import Asked
from flows.backfill.record import Backfill, Batch
from jobs.entries import Entry
from jobs.errors import JobError, UsageError
from jobs.groups.lag import Lag
from jobs.windows import Window


def made(**other: Any) -> Backfill:
    given: dict[str, Any] = {
        "name": "b",
        "reason": "a test",
        "by": "me@here",
        "made": "2026-01-01T00:00:00Z",
        "dataset": "messages",
        "topic": "t",
        "topic_id": "id",
        "table": "all",
        "range": "0:0-30",
        "windows": [Batch(name=f"00{n}", offsets=f"0:{n}0-{n + 1}0", records=10) for n in range(3)],
        "end": Batch(name="end", offsets="", records=0),
    }
    return Backfill(**(given | other))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADRACE_BACKFILLS", str(tmp_path))
    return tmp_path


def lag(records: int, seconds: float, group: str = "g", members: int = 1) -> Lag:
    return Lag(group, "t", members, records, seconds, None, 0, 0)


def test_windows_begin_by_an_absolute_schedule_however_long_they_take() -> None:
    now = 100.0
    pace = Pace(10, clock=lambda: now)

    turns = [pace.turn(20) for _ in range(3)]
    now = 110.0  # a window took longer than its turn: what was lost is not caught up by a burst
    late = [pace.turn(20) for _ in range(2)]

    assert (turns, late) == ([100, 102, 104], [110, 112])
    assert {Pace(0, clock=lambda: now).turn(10**9) for _ in range(3)} == {110.0}


def test_a_live_group_is_behind_in_seconds_or_in_records() -> None:
    lags = [lag(50, 90), lag(9, 5), lag(999, 999, members=0), lag(999, 999, group="bronze-t")]

    assert gate.behind(lags, "60s", "bronze-t") == lags[:1]
    assert gate.behind(lags, "8", "bronze-t") == lags[:2]
    with pytest.raises(UsageError, match="max-lag is ''"):
        gate.behind(lags, "", "bronze-t")
    with pytest.raises(UsageError, match="'soon' is no time"):
        gate.behind(lags, "soon", "bronze-t")


def test_it_waits_until_nobody_is_behind_or_it_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LOOK", 0.0)
    looks = iter([[lag(5, 90)], [lag(5, 90)], []])
    log = logging.getLogger("test")

    gate.wait_for_consumers(lambda: next(looks), "60s", log, lambda: False)
    asked: list[int] = []
    gate.wait_for_consumers(lambda: [lag(5, 90)], "60s", log, lambda: bool(asked) or asked.append(1) is not None)

    assert [*looks] == []


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Asked("messages", ""), "give --reason"),
        (Asked("messages", "why"), "give --from and --to, or --offsets"),
        (Asked("messages", "why", start="1h", name="A b"), "'A b' is no name"),
        (Asked("messages", "why", start="1h", concurrency=0), "at least 1"),
        (Asked("messages", "why", start="1h", max_lag="much"), "'much' is no time"),
        (Asked("messages", "why", start="1h", max_lag=""), "write a time such as 60s"),
        (Asked("nothing", "why", start="1h"), "there is no pipeline nothing"),
        (Asked("maintenance", "why", start="1h"), "has no parameter topic"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(asked: Asked, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        planning.plan(asked)


def test_the_topic_is_that_of_the_datasets_own_pipeline() -> None:
    assert {each: planning.default_topic(each) for each in ("messages", "vehicles", "transactions")} == {
        "messages": "messages",
        "vehicles": "vehicles-events",
        "transactions": "transactions",
    }


def test_the_estimate_is_the_slower_of_what_was_done_before_and_the_rate() -> None:
    speeds = {"bronze": 10.0, "silver": 30.0}

    assert planning.estimate(made(), speeds) == 4.0
    assert planning.estimate(made(rate=2), speeds) == 15.0
    assert planning.estimate(made(), {"bronze": 10.0}) == 0
    entry = Entry(1, windows=[Window("t", 0, 0, 90)])
    assert entry.begun
    ended = Entry(1, windows=entry.windows, begun=entry.begun, ended=entry.begun.fromtimestamp(0, entry.begun.tzinfo))
    assert planning.speed([entry]) == 0
    assert planning.speed([ended]) == 0


def test_a_run_does_what_was_never_done_and_on_demand_what_failed() -> None:
    states = ("done", "running", "failed")
    windows = [each.model_copy(update={"state": state}) for each, state in zip(made().windows, states, strict=True)]
    found = made(windows=windows)

    assert [each.name for each in found.todo(failed=False)] == ["001"]
    assert [each.name for each in found.todo(failed=True)] == ["001", "002"]


@pytest.mark.usefixtures("folder")
def test_what_failed_in_earlier_runs_does_not_end_this_one() -> None:
    states = ("done", "failed", "failed")
    windows = [each.model_copy(update={"state": state}) for each, state in zip(made().windows, states, strict=True)]
    mine = record.Run(by="me@here", flow_run="1", begun="now")
    book, again = record.Book(made(windows=windows)), record.Book(made(windows=windows))

    assert [each.name for each in book.begin(mine, failed=False)] == []
    assert [each.name for each in again.begin(mine, failed=True)] == ["001", "002"]
    assert (book.failures, again.failures) == (0, 0)
    again.note("002", state="failed")
    assert (again.failures, again.record.runs) == (1, [mine])


def test_each_layer_of_a_window_is_one_run_of_the_workflow() -> None:
    found = made()
    window, end = found.windows[1], found.end

    assert (found.layers(window), found.layers(end or window)) == (("bronze", "silver"), ("gold", "verify"))
    asked = found.arguments(window, "silver")
    assert (asked["once"], asked["offsets"], asked["why"]) == ("b/001", "0:10-20", "a test")
    assert [layer for layer in ("bronze", "silver", "gold", "verify") if asked[layer] == "yes"] == ["silver"]


def test_the_record_is_written_at_each_change_and_read_as_it_was(folder: Path) -> None:
    record.write(made())
    with record.held("b") as book:
        book.note("001", state="done", counts={"bronze rows": 10})
        book.change(rate=5)
        with pytest.raises(JobError, match="run by another process"), record.held("b"):
            pass
        assert record.is_held("b")

    found = record.read("b")

    assert not record.is_held("b")
    assert (found.rate, [each.state for each in found.all]) == (5, ["pending", "done", "pending", "pending"])
    assert found.windows[1].counts == {"bronze rows": 10}
    assert [each.name for each in folder.glob("*.yaml*")] == ["b.yaml"]


def test_a_record_that_is_not_there_or_not_one_is_refused(folder: Path) -> None:
    (folder / "bad.yaml").write_text("name: bad\nspeed: 9\n")

    with pytest.raises(UsageError, match="there is: bad"):
        record.read("b")
    with pytest.raises(UsageError, match="speed"):
        record.read("bad")


def test_windows_at_once_have_each_another_table_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    nested: list[Callable[[], object]] = []

    def step(found: Backfill, batch: Batch, layer: str) -> dict[str, int]:
        told.append(f"{batch.name} {layer}")
        for each in nested:  # a second window meanwhile: the table is taken
            with pytest.raises(JobError, match="interrupted"):
                each()
        return {f"{layer} rows": found.rate}

    monkeypatch.setattr(work, "TURN", 0.01)
    monkeypatch.setattr(work, "_here", step)
    first, second = made().windows[:2]
    nested.append(lambda: work.do(made(table="bronze"), second, lambda: True))

    counts = work.do(made(table="bronze", rate=7), first, lambda: False)

    assert (told, counts) == (["000 bronze"], {"bronze rows": 7})


def test_what_the_record_keeps_of_a_result() -> None:
    assert work.told("bronze", '{"rows": 5, "had": 0, "table": "bronze/t"}') == {"bronze rows": 5}
    assert work.told("verify", '{"counts": {}}') == {}
