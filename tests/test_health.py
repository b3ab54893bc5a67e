"""What is news is told once, and what was found is said as Prometheus reads it."""

import time
from threading import Event

import pytest

from flows.health import News, news, summary
from jobs.connectors.restarts import Tried
from jobs.connectors.states import State
from jobs.errors import JobError
from jobs.findings import Finding, report
from jobs.groups.lag import Lag
from jobs.health import metrics, server
from jobs.health.looking import Looked, finding

OK = Finding("a", "ok", "fine")
WARN = Finding("b", "warn", "7 of 9", "do b")
FAIL = Finding("c", "fail", "down", "do c")


@pytest.mark.parametrize(
    "before, now, told",
    [
        ({}, [OK], []),
        ({}, [OK, WARN, FAIL], [("b", "appeared"), ("c", "appeared")]),
        ({"b": "warn", "c": "fail"}, [OK, WARN, FAIL], []),
        ({"b": "warn"}, [Finding("b", "warn", "8 of 9 now", "do b")], []),
        ({"b": "fail"}, [WARN], [("b", "changed")]),
        ({"b": "warn", "gone": "fail"}, [OK], [("b", "gone"), ("gone", "gone")]),
    ],
)
def test_only_what_differs_is_news(before: dict[str, str], now: list[Finding], told: list[tuple[str, str]]) -> None:
    found = news(before, report(now))
    assert [(each.check, each.event.rpartition(".")[2]) for each in found] == told


def test_news_say_what_it_was_and_is() -> None:
    assert news({"c": "warn"}, report([FAIL])) == [News("c", "warn", FAIL)]
    assert "* **fail** c: down" in summary(report([OK, FAIL]))


def test_a_connector_is_a_finding_with_what_was_done_about_it() -> None:
    state = State("s", "FAILED", "sink", "0/1", "2026-01-01T00:00:00+00:00", "refused", "network", False, "do s")
    tried = Tried("s", 0, "waits", 1, "12:00", "network", "refused", "do s")
    found = finding(state, [tried, Tried("other", 0, "restarted", 0, "", "", "", "")])
    assert (found.check, found.verdict, found.fix) == ("connector s", "fail", "do s")
    assert found.detail == "FAILED, since 2026-01-01T00:00:00+00:00, 0/1 tasks run, refused, waits until 12:00"
    assert finding(State("s", "PAUSED", "sink", "0/1", ""), []).verdict == "ok"


LOOKED = Looked(
    report([OK, WARN]),
    (State("s", "RUNNING", "sink", "3/4", ""),),
    (Lag("g", "t", 1, 17, 60.0, None, 0, 0), Lag("h", "t", 0, 5, 60.0, 3600.0, 2, 0)),
)


def test_metrics() -> None:
    lines = metrics.text(LOOKED, seconds=0.5, at=1.0).decode().splitlines()
    for line in (
        'headrace_check_verdict{check="b"} 1.0',
        "headrace_verdict 1.0",
        "headrace_look_seconds 0.5",
        'headrace_connector_state{connector="s",problem="",state="RUNNING"} 1.0',
        'headrace_connector_tasks{connector="s",what="running"} 3.0',
        'headrace_group_lag_records{group="g",topic="t"} 17.0',
        'headrace_group_until_loss_seconds{group="g",topic="t"} +Inf',
        'headrace_group_until_loss_seconds{group="h",topic="t"} 3600.0',
        'headrace_group_expired_records{group="h",topic="t"} 2.0',
    ):
        assert line in lines


def test_the_exporter_survives_a_look_that_breaks() -> None:
    ended, looks = Event(), [LOOKED]

    def look() -> Looked:
        if looks:
            return looks.pop()
        ended.set()
        raise JobError("broken")

    exporter = server.Exporter(look, 0)
    assert exporter.answer("/metrics")[0] == 503
    assert exporter.answer("/healthz")[0] == 200
    exporter.run(ended)
    assert exporter.answer("/metrics")[0] == 200
    assert exporter.answer("/nothing")[0] == 404
    exporter.at = time.monotonic() - 61
    assert exporter.answer("/healthz")[0] == 503
