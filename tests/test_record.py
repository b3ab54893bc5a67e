"""What run.json says is true at any moment, and a retry does only what failed and what follows it."""

import json
from pathlib import Path

import pytest
from hera.workflows import models as argo

from flows import record, values
from flows.command import Outcome
from flows.dag import Step
from flows.local import Run, RunError
from flows.record import Recorder
from flows.run import perform
from jobs.errors import DeadLetterError, JobError, UnhealthyError, UsageError
from jobs.kafka.who import is_alive

WORKFLOW = argo.WorkflowTemplate(metadata=argo.ObjectMeta(name="w"), spec=argo.WorkflowSpec(entrypoint="main"))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADRACE_STATE", str(tmp_path))
    return tmp_path


def steps(**depends: str) -> list[Step]:
    return [Step(name, template=None, depends=each) for name, each in depends.items()]  # type: ignore[arg-type]


def ended(**status: str) -> record.Record:
    recorder = Recorder(record.begun(WORKFLOW, "w-1", {}))
    for name, each in status.items():
        recorder.end(Outcome(name, each, result=f"of {name}"))
    return record.read("w-1")


@pytest.mark.parametrize(
    ("depends", "status", "kept"),
    [
        ({"a": "", "b": "a", "c": "b"}, "Succeeded Failed Omitted", "a"),
        ({"a": "", "b": "a", "c": "b"}, "Succeeded Running", "a"),
        ({"a": "", "b": "a", "c": ""}, "Failed Omitted Succeeded", "c"),
        ({"a": "", "b": "a.Failed", "c": "a"}, "Failed Succeeded Omitted", ""),
        ({"a": "", "b": "a.Failed", "c": "a", "d": "c"}, "Succeeded Omitted Succeeded Failed", "a b c"),
        ({"a": "", "b": "a"}, "Skipped Failed", "a"),
    ],
)
def test_a_retry_keeps_what_neither_failed_nor_follows_what_did(
    depends: dict[str, str], status: str, kept: str
) -> None:
    before = ended(**dict(zip(depends, status.split(), strict=False)))

    found = record.keep(steps(**depends), before)

    assert [*found] == kept.split()
    assert all(each.result == f"of {name}" for name, each in found.items())


def test_of_several_items_those_that_succeeded_are_kept_and_what_follows_all_is_not() -> None:
    before = ended(**{"a(0:x)": "Succeeded", "a(1:y)": "Failed", "b": "Omitted"})

    assert [*record.keep(steps(a="", b="a"), before)] == ["a(0:x)"]


def test_the_file_tells_how_far_the_run_is_at_any_moment(state: Path) -> None:
    recorder = Recorder(record.begun(WORKFLOW, "w-1", {"topic": "t"}))
    seen = [record.read("w-1")]
    recorder.begin("a")
    seen.append(record.read("w-1"))
    recorder.end(Outcome("a", "Failed", 1, message="broken"))
    recorder.begin("a")
    recorder.end(Outcome("a", "Succeeded", 0, 1.5, '{"rows":1}', tries=2))
    recorder.finish("Succeeded")

    last = record.read("w-1")
    assert [[step.outcome.status for step in each.steps] for each in [*seen, last]] == [[], ["Running"], ["Succeeded"]]
    assert (last.status, last.parameters, last.steps[0].outcome.tries) == ("Succeeded", {"topic": "t"}, 2)
    assert last.steps[0].ended
    assert last.ended
    assert last.begun <= last.steps[0].ended <= last.ended
    assert {"headrace", "hera", "prefect", "python"} == set(last.versions)
    assert [each.name for each in (state / "runs/w-1").iterdir()] == ["run.json"]


def test_a_retry_is_the_same_run_once_more() -> None:
    before = ended(a="Succeeded", b="Failed")

    Recorder(record.again(before, record.keep(steps(a="", b="a"), before)))

    now = record.read("w-1")
    assert (now.attempts, now.status, now.begun) == (2, "Running", before.begun)
    assert [each.outcome.name for each in now.steps] == ["a"]
    assert is_alive(now.by)


def test_a_process_that_is_no_more_is_not_alive() -> None:
    mine = ended(a="Running").by

    assert not is_alive(mine.model_copy(update={"birth": mine.birth + "0"}))


def test_a_run_that_is_not_there_is_refused_with_the_names_of_those_that_are() -> None:
    ended(a="Failed")

    with pytest.raises(UsageError, match=r"there is no run w-2 .* the newest are: w-1"):
        record.read("w-2")


def test_a_damaged_file_is_told(state: Path) -> None:
    ended(a="Failed")
    (state / "runs/w-1/run.json").write_text(json.dumps({"run": "w-1"}))

    with pytest.raises(JobError, match="cannot be read"):
        record.read("w-1")


@pytest.mark.parametrize(
    ("exits", "kind"),
    [([2], UsageError), ([4], UnhealthyError), ([5, 1], DeadLetterError), ([-9], JobError), ([None], JobError)],
)
def test_the_exit_status_of_a_run_is_the_verdict_of_the_first_step_that_failed(
    exits: list[int | None], kind: type[JobError]
) -> None:
    failed = [Outcome(f"s{number}", "Failed", each, message="why") for number, each in enumerate(exits)]

    def flow(**_: str) -> Run:
        raise RunError(Run("w-1", "Failed", 1.0, [Outcome("first", "Succeeded", 0), *failed]))

    with pytest.raises(JobError) as raised:
        perform("w", flow, {}, "http://ui")  # type: ignore[arg-type]

    assert type(raised.value) is kind
    assert raised.value.hint.startswith("headrace retry w-1 ")


def test_values_that_no_step_can_take_are_refused_before_anything_begins() -> None:
    values.check("messages", {"at_least": "5"})
    with pytest.raises(UsageError, match=r"bronze-load cannot take at_least=many: .*at-least.*many"):
        values.check("messages", {"at_least": "many"})
