"""One step's command line as a process: what it prints is its result, what it says is its log."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from types import FrameType
from typing import IO, cast

from prefect import get_run_logger

from flows.dag import Command


@dataclass(frozen=True)
class Outcome:
    """How one step ended.

    Args:
        name: The step.
        status: Succeeded, Failed, Skipped when its `when` did not hold, or Omitted when its `depends` did not.
        exit_status: Of its process; below 0 is the signal that ended it.
        seconds: How long its last try took, from start to end of its process.
        result: What it printed, without the last line's end: its `outputs.result`.
        message: Why it failed: the last lines it said.
        parameters: What it wrote to the files of its output parameters.
        tries: How often it was begun.
    """

    name: str
    status: str
    exit_status: int | None = None
    seconds: float = 0.0
    result: str | None = ""
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    tries: int = 1


INTERRUPTED = "interrupted: run it again, and it goes on where it stopped"
RESULT = 2_000  # characters of it that Prefect's UI shows


class CommandError(Exception):
    """A process that did not end with status 0."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


RUNNING: set[int] = set()
"""The process groups of the steps that run now."""

ENDED: list[int] = []
"""The signals that asked this process to end."""


@contextmanager
def ended_with_this_process() -> Generator[None, None, None]:
    """While inside, a signal that ends this process ends the steps first, and no step is begun or tried again."""

    def end(number: int, _: FrameType | None) -> None:
        ENDED.append(number)
        for group in [*RUNNING]:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM if len(ENDED) == 1 else signal.SIGKILL)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; its owner ends it
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(name: str, command: Command, seconds: int | None) -> Outcome:
    """Run a command line as its container would, in the environment of this process and its own.

    A container's files are its own; here they lie in a folder that is gone afterwards, and the command line
    is given their new paths.

    Raises:
        CommandError: It ended with a status other than 0, took longer than `seconds`, or did not write a file.
    """
    with TemporaryDirectory() as folder:
        paths = {path: Path(folder, parameter) for parameter, path in command.files.items()}
        words = [_moved(word, paths) for word in command.words]
        outcome = _process(name, words, command.variables, seconds)
        written = {each: paths[path] for each, path in command.files.items()}
        if missing := [each for each, path in written.items() if not path.exists()]:
            message = f"it did not write its output parameter {missing[0]} to {command.files[missing[0]]}"
            raise CommandError(replace(outcome, status="Failed", message=message))
        return replace(outcome, parameters={each: path.read_text().rstrip("\n") for each, path in written.items()})


def _moved(word: str, paths: Mapping[str, Path]) -> str:
    for old, new in paths.items():
        word = word.replace(old, str(new))
    return word


def _process(name: str, words: list[str], variables: Mapping[str, str], seconds: int | None) -> Outcome:
    if ENDED:
        raise CommandError(Outcome(name, "Failed", -ENDED[0], message=INTERRUPTED))
    begun = time.monotonic()
    logging.getLogger(name).info("begins")
    with subprocess.Popen(
        [_program(words[0]), *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "LOG_FORMAT": "json", **variables},
        start_new_session=True,  # a step is ended with all that it started
    ) as process:
        said: list[str] = []
        story = _storyteller(name)
        listener = Thread(target=_listen, args=(cast(IO[str], process.stderr), said, story))
        listener.start()
        printed: list[str] = []
        reader = Thread(target=lambda out: printed.append(out.read()), args=(cast(IO[str], process.stdout),))
        reader.start()
        RUNNING.add(process.pid)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said.append(f"ended by its deadline of {seconds} s")
        finally:
            RUNNING.discard(process.pid)
        reader.join()
        listener.join()
    took = time.monotonic() - begun
    logging.getLogger(name).info("ended with status %d after %.1f s", process.returncode, took)
    result = "".join(printed).rstrip("\n")
    if result:
        get_run_logger().info(result[:RESULT])
    if process.returncode == 0:
        return Outcome(name, "Succeeded", 0, took, result)
    message = "\n".join(said[-3:]) or f"ended with status {process.returncode}"
    if ENDED:
        message = INTERRUPTED
    raise CommandError(Outcome(name, "Failed", process.returncode, took, result, message))


Logger = Callable[[int, str], None]


def _storyteller(name: str) -> Logger:
    """Tell a step's story twice: to Prefect's UI, and on this process's stderr with the step's name."""
    ui, here = get_run_logger(), logging.getLogger(name)

    def tell(level: int, message: str) -> None:
        ui.log(level, message)
        here.log(level, message)

    return tell


def _program(word: str) -> str:
    installed = Path(sys.executable).with_name(word)
    return str(installed) if installed.exists() else word


def _listen(stream: IO[str], said: list[str], story: Logger) -> None:
    """Pass a step's log on, each line with its own level; what is not a log line is said as it is."""
    for line in stream:
        try:
            level, message = (str(json.loads(line)[key]) for key in ("level", "message"))
        except (ValueError, KeyError, TypeError):
            level, message = "INFO", line.rstrip()
        said.append(message)
        story(logging.getLevelNamesMapping().get(level, logging.INFO), message)
