"""Ivy, the resolver that pyspark ships: what runs it."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs.errors import JobError
from stack.coordinates import Jar, ivy
from stack.java import java

# Ivy's own names of a jar's parts; a missing classifier leaves its brackets out.
NAME = "[organisation]~[module]~[revision](~[classifier]).[ext]"


def pyspark_home() -> Path:
    """The folder of the pyspark package, which Spark calls SPARK_HOME; nothing is imported.

    Raises:
        JobError: pyspark is not installed.
    """
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise JobError("pyspark is not installed in this environment", hint="make setup")
    return Path(spec.origin).parent


def retrieve(
    jars: Sequence[Jar], into: Path, cache: Path, *, settings: Path | None, lock: int, seen: str
) -> Iterator[str]:
    """Fetch jars into `into`, a folder a class path; yields each log line that holds `seen`.

    Without `settings` it is transitive: each jar brings what its POM asks for. Ivy holds the file descriptor `lock`
    too, so that if this process is killed, the next one waits until Ivy has stopped writing.

    Raises:
        JobError: Ivy could not have them all; it says which.
    """
    with _file(ivy(jars, locked=settings is not None)) as file:
        command = [
            *(str(java()), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-cp", f"{pyspark_home()}/jars/*", "org.apache.ivy.Main"),
            *("-cache", str(cache), "-ivy", str(file)),
            *(("-settings", str(settings)) if settings else ()),
            *("-retrieve", f"{into}/[conf]/{NAME}"),
        ]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            pass_fds=(lock,),
        )
        said: list[str] = []
        try:
            for line in process.stdout or ():
                said.append(line.rstrip())
                if seen in line:
                    yield line.rstrip()
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if status:
        sys.stderr.write("\n".join(said[-25:]) + "\n")
        raise JobError(
            f"Ivy could not fetch every jar of {', '.join(sorted({jar.folder for jar in jars}))} (above)",
            hint="the same command again: what was fetched is kept",
        )


@contextmanager
def _file(text: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="headrace-ivy-") as folder:
        path = Path(folder, "ivy.xml")
        path.write_text(text)
        yield path
