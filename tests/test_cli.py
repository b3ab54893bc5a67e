"""Every command answers in JSON when it is asked to, also when it fails; each exit status says what it promises."""

import json
from typing import Any

import pytest

from jobs import catalogue, cli
from jobs.cli import launch
from jobs.errors import DeadLetterError, JobError, PendingError, UnhealthyError, UsageError
from jobs.findings import Finding, report
from jobs.job import Job

every_job = pytest.mark.parametrize("job", [*catalogue.all_jobs()], ids=lambda job: job.name)


@every_job
def test_an_error_is_json_when_json_is_asked_for(job: Job[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert launch([job.noun, job.verb, "--no-such-option=1", "--output=json"]) == 2
    shown = capsys.readouterr()
    said = json.loads(shown.err)
    assert (said["status"], shown.out) == (2, "")
    assert "--no-such-option" in said["error"]


@pytest.mark.parametrize(
    "error, status",
    [
        (None, 0),
        (JobError("it broke", hint="do this"), 1),
        (UsageError("it broke", hint="do this"), 2),
        (PendingError("it broke", hint="do this"), 3),
        (UnhealthyError("it broke", hint="do this"), 4),
        (DeadLetterError("it broke", hint="do this"), 5),
    ],
)
@pytest.mark.parametrize("output", ["json", "table"])
def test_an_exit_status_is_a_verdict_and_what_was_found_is_printed_all_the_same(
    error: JobError | None, status: int, output: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report([Finding("a", "ok", "fine")])

    def work() -> object:
        if error:
            error.result = found
            raise error
        return found

    assert cli.run(work, output) == status
    shown = capsys.readouterr()
    if output == "json":
        assert json.loads(shown.out)["findings"][0]["check"] == "a"
        assert not error or json.loads(shown.err) == {"error": "it broke", "hint": "do this", "status": status}
    else:
        assert "ok    a  fine" in shown.out
        assert not error or shown.err.splitlines() == ["error: it broke", "next: do this"]


def test_a_bug_keeps_its_traceback() -> None:
    def work() -> object:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(work, "json")
