"""Asking before something is done that cannot be undone."""

import sys

from jobs.errors import JobError, UsageError


def consent(what: str, *, yes: bool, preview: object = None) -> None:
    """Go on only if a person agrees, or agreed beforehand.

    Args:
        what: What is about to be done, as a sentence without a full stop.
        yes: Whether it was agreed to on the command line.
        preview: What would be done, which is printed when nobody can be asked.

    Raises:
        UsageError: Nobody can be asked.
        JobError: The answer was not yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{what}: nobody can be asked here", hint="the same command with --yes", result=preview)
    sys.stderr.write(f"{what}. Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise JobError("nothing was done")
