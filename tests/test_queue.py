"""Whose turn it is follows from the log alone: its order, and the times at which the broker appended."""

import os

from jobs.kafka.queue import LEASE, Queue, Said
from jobs.kafka.who import Who, is_dead, me

TERM = int(LEASE * 1000)


def log(*said: tuple[str, str, int]) -> Queue:
    queue = Queue()
    for token, kind, time in said:
        who = Who(host=token, pid=1)
        queue.see(Said.model_validate({"token": token, "kind": kind, "who": who.model_dump()}), time)
    return queue


def first(queue: Queue) -> str:
    return queue.first[0] if queue.first else ""


def test_first_come_first_served() -> None:
    queue = log(("a", "here", 0), ("b", "here", 1), ("c", "here", 2))
    assert first(queue) == "a"
    assert first(log(("a", "here", 0), ("b", "here", 1), ("a", "gone", 2))) == "b"
    assert first(log()) == ""


def test_who_stays_says_so() -> None:
    assert first(log(("a", "here", 0), ("b", "here", 1), ("a", "here", TERM), ("b", "here", TERM + 1))) == "a"


def test_who_falls_silent_loses_the_turn_for_good() -> None:
    silent = [("a", "here", 0), ("b", "here", TERM // 2), ("b", "here", TERM + 1)]
    assert first(log(*silent)) == "b"
    assert first(log(*silent, ("a", "here", TERM + 2))) == "b", "a was suspended, and wakes up"
    assert first(log(*silent, ("a", "here", TERM + 2), ("b", "gone", TERM + 3))) == "", "a must ask anew"


def test_a_claim_that_arrives_after_its_release_is_nothing() -> None:
    assert first(log(("a", "here", 0), ("a", "gone", 1), ("a", "here", 2))) == ""


def test_a_log_that_has_lost_its_beginning_says_the_same() -> None:
    whole = [("a", "here", 0), ("b", "here", 1), ("a", "here", TERM - 1), ("b", "here", TERM)]
    assert first(log(*whole)) == first(log(*whole[2:])) == "a"


def test_a_clock_that_goes_back_ends_nobody() -> None:
    assert first(log(("a", "here", TERM * 5), ("b", "here", 0))) == "a"


def test_a_process_that_is_gone_is_known_on_its_own_machine_only() -> None:
    here = me("test")
    assert not is_dead(here)
    assert is_dead(here.model_copy(update={"birth": here.birth.rpartition("/")[0] + "/1"})), "the pid is another's now"
    assert not is_dead(here.model_copy(update={"birth": "other-boot/pid:[1]/1"}))
    assert not is_dead(here.model_copy(update={"birth": ""}))


def test_a_holder_is_named_as_people_need_it() -> None:
    os.environ.pop("HEADRACE_RUN", None)
    said = str(Who(host="pod-7", pid=3, run="messages-x", since="2026-01-02T03:04:05+00:00", doing="topics apply"))
    assert said == "topics apply on pod-7, process 3, run messages-x, since 2026-01-02T03:04:05+00:00"
