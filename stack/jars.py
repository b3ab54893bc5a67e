"""The jars of the stack: fetched once for each content of jars.lock, verified, and kept outside git.

`python -m stack.jars` fetches, `python -m stack.jars lock` makes jars.lock anew.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cyclopts import App

from jobs.errors import JobError
from stack import ivy
from stack.coordinates import Jar, configuration, lock_text, parse
from stack.show import say

HERE = Path(__file__).parent
LOCK, ROOTS, SETTINGS = HERE / "jars.lock", HERE / "jars.roots", HERE / "ivysettings.xml"

app = App(name="python -m stack.jars", help=__doc__, result_action="return_value")


def cache() -> Path:
    """Where jars are kept: `$HEADRACE_CACHE`, else `.cache` of the repository."""
    return Path(os.environ.get("HEADRACE_CACHE") or HERE.parent / ".cache").absolute()


def home() -> Path:
    """The folder of the jars that jars.lock names; it exists only when it is complete."""
    return cache() / "jars" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]


@app.default
def fetch() -> None:
    """Fetch what jars.lock names and the cache lacks; does nothing when it lacks nothing."""
    done = home()
    if done.is_dir():
        return
    jars = parse(LOCK.read_text())
    done.parent.mkdir(parents=True, exist_ok=True)
    with _alone(done.parent / "lock") as held:
        if done.is_dir():
            return
        for left in done.parent.glob("*.partial"):
            shutil.rmtree(left)
        partial, began = done.with_suffix(".partial"), time.monotonic()
        found = _retrieve(jars, partial / "flat", cache() / "ivy", settings=SETTINGS, lock=held)
        for jar in jars:
            path = found / configuration(jar.folder) / jar.name
            _verify(path, jar)
            target = partial / "done" / jar.folder / jar.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        (partial / "done").rename(done)
        shutil.rmtree(partial)
        shutil.rmtree(cache() / "ivy", ignore_errors=True)  # else each jar would be kept twice
    say(f"jars: {len(jars)} fetched and verified in {time.monotonic() - began:.0f} s -> {done}")


@app.command
def where() -> None:
    """Print the folder of the jars, for those who start the services by other means."""
    sys.stdout.write(f"{home()}\n")


@app.command
def lock() -> None:
    """Make jars.lock anew from jars.roots, transitively; for the maintainer."""
    roots, work = parse(ROOTS.read_text()), cache() / "relock"
    shutil.rmtree(work / "flat", ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work / "lock") as held:
        found = _retrieve(roots, work / "flat", work / "ivy", settings=None, lock=held)
    jars: list[Jar] = []
    for folder in sorted({root.folder for root in roots}):
        for path in sorted((found / configuration(folder)).glob("*.jar")):
            [jar] = parse(f"{folder} {path.stem.replace('~', ':')}")
            jars.append(replace(jar, sha256=_sha256(path)))
    LOCK.write_text(lock_text(jars))
    shutil.rmtree(work / "flat")
    say(f"jars.lock: {len(jars)} jars")


def _retrieve(jars: list[Jar], into: Path, store: Path, *, settings: Path | None, lock: int) -> Path:
    said = time.monotonic()
    for count, _ in enumerate(
        ivy.retrieve(jars, into, store, settings=settings, lock=lock, seen="[SUCCESSFUL"), start=1
    ):
        if time.monotonic() - said > (1 if sys.stderr.isatty() else 10):
            said = time.monotonic()
            say(f"jars: {count} of {len(jars)} fetched")
    return into


def _verify(path: Path, jar: Jar) -> None:
    if not path.is_file():
        raise JobError(f"{jar.coordinate} was not fetched", hint="python -m stack.jars")
    if (found := _sha256(path)) != jar.sha256:
        shutil.rmtree(cache() / "ivy", ignore_errors=True)
        raise JobError(
            f"{jar.coordinate} has sha256 {found}, and stack/jars.lock wants {jar.sha256}; it was thrown away",
            hint="python -m stack.jars, and if it says so again, ask who changed it",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """Hold a lock that ends with those who hold its descriptor, however they end."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("jars: waiting for another that fetches them")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


if __name__ == "__main__":
    from stack.show import main

    main(app)
