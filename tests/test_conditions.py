import pytest

from flows import conditions
from jobs.errors import JobError

STATUS = {"a": "Succeeded", "b-1": "Failed", "c": "Skipped", "d": "Omitted"}


@pytest.mark.parametrize(
    ("depends", "holds"),
    [
        ("", True),
        ("a", True),
        ("b-1", False),
        ("c", True),
        ("d", False),
        ("a && c", True),
        ("a && b-1", False),
        ("a || b-1", True),
        ("b-1.Failed", True),
        ("!b-1.Succeeded && (c.Skipped || d)", True),
        ("(a && b-1.Failed) && !c.Failed", True),
    ],
)
def test_depends_is_judged_by_how_tasks_ended(depends: str, *, holds: bool) -> None:
    assert conditions.depends_holds(depends, STATUS) is holds


def test_depends_names_the_tasks_to_wait_for() -> None:
    assert conditions.names("(a && b-1.Failed) || !c") == {"a", "b-1", "c"}


def test_a_status_that_there_is_not_is_refused() -> None:
    with pytest.raises(JobError, match=r"a\.AnySucceeded is none of"):
        conditions.names("a.AnySucceeded")


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("heads == heads", True),
        ("heads == tails", False),
        ("'heads' != \"tails\"", True),
        ("10 > 9", True),
        ("2 <= 1.5", False),
        ("1 == 1.0", True),
        ("true", True),
        ("a == a && 1 > 2", False),
        ("a == b || 1 < 2", True),
    ],
)
def test_when_compares_values(when: str, *, holds: bool) -> None:
    assert conditions.when_holds(when) is holds


@pytest.mark.parametrize("when", ["a =~ b", "yes", "a > 1", "f(1) == "])
def test_what_cannot_be_judged_is_an_error(when: str) -> None:
    with pytest.raises(JobError):
        conditions.when_holds(when)
