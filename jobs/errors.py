"""What a job says when it cannot do its work, and the exit status that says it to a scheduler."""

from typing import ClassVar


class JobError(Exception):
    """The job cannot go on, for a reason that its caller can act on.

    Args:
        message: What went wrong, where, and why, in one sentence.
        hint: The next command to run, if there is one.
        result: What the job found out all the same; it is printed as a result would be.
    """

    status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", result: object = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.result = result


class UsageError(JobError):
    """The command was given something that it cannot take."""

    status = 2


class PendingError(JobError):
    """What exists differs from what is declared, and the caller asked to be told."""

    status = 3


class UnhealthyError(JobError):
    """A check did not pass."""

    status = 4


class DeadLetterError(JobError):
    """More records could not be processed than the caller allows."""

    status = 5


VERDICTS = (UsageError.status, PendingError.status, DeadLetterError.status)
"""Statuses that another try cannot change; an unhealthy cluster may recover."""

BY_STATUS: dict[int, type[JobError]] = {
    each.status: each for each in (JobError, UsageError, PendingError, UnhealthyError, DeadLetterError)
}
"""What a status says; a signal, or any other status, is a plain failure."""
