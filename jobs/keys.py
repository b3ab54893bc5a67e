"""Keys that programs show when they ask over HTTP: only their hashes are kept."""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from jobs import settings
from jobs.errors import JobError, UsageError
from jobs.job import job

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
HASH = re.compile(r"[0-9a-f]{64}")
BEGIN = "hr_"  # so that a key that leaked is found by those who search for such


@dataclass(frozen=True)
class Made:
    """A new key; it is shown this once.

    Args:
        name: Whose it is.
        key: What to send as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
        line: What the servers know of it, as the file and `KEYS_SHA256` take it.
        file: The file that was given the line, if one was.
    """

    name: str
    key: str
    line: str
    file: str


class Keys:
    """Who has which key, by the hashes in a file and in the environment; a file that changes is read again.

    Args:
        said: Lines `name=hash`.
        file: A file of such lines; None if there is none.

    Raises:
        JobError: A line is none, or the file cannot be read.
    """

    def __init__(self, said: str = "", file: Path | None = None) -> None:
        self._said, self.file = parse(said, "KEYS_SHA256"), file
        self._lock, self._stamp = Lock(), (0, 0)
        self._known: Mapping[str, str] = self._said
        self._refresh()

    def __len__(self) -> int:
        """How many keys there are."""
        self._refresh()
        return len(self._known)

    def who(self, key: str) -> str | None:
        """Whose key it is, or None; how long that takes does not depend on the key."""
        self._refresh()
        given = digest(key)
        found = None
        for name, known in self._known.items():  # all of them, whichever it is
            if hmac.compare_digest(known, given):
                found = name
        return found

    def _refresh(self) -> None:
        if self.file is None:
            return
        try:
            stat = self.file.stat()
            if (stamp := (stat.st_mtime_ns, stat.st_ino)) == self._stamp:
                return
            with self._lock:
                self._known = {**parse(self.file.read_text(), str(self.file)), **self._said}
                self._stamp = stamp
        except OSError as error:
            raise JobError(f"the keys in {self.file} cannot be read: {error.strerror}", hint="KEYS_FILE") from error


def load() -> Keys:
    """The keys that the environment names: `KEYS_SHA256`, and the file `KEYS_FILE`.

    Raises:
        JobError: They cannot be read.
    """
    said = settings.load(settings.Keys)
    return Keys(said.sha256.get_secret_value(), said.file)


def digest(key: str) -> str:
    """What is kept of a key. It has 256 random bits, so no slow hash is needed: nobody guesses it."""
    return hashlib.sha256(key.encode()).hexdigest()


def parse(text: str, where: str) -> dict[str, str]:
    """Names and hashes from lines `name=hash`, or several with `,` between them; `#` begins a comment.

    Raises:
        JobError: A line is none, or a name is there twice.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for each in filter(None, (part.strip() for part in line.partition("#")[0].split(","))):
            name, _, hashed = (part.strip() for part in each.partition("="))
            if not NAME.fullmatch(name) or not HASH.fullmatch(hashed) or name in found:
                raise JobError(
                    f"{where}:{number}: is no line name=SHA-256 of a new name", hint="headrace keys make NAME"
                )
            found[name] = hashed
    return found


@job("jobs", memory="64Mi", minutes=5)
def make(name: str, *, file: Path = Path()) -> Made:
    """Make a key for somebody, shown this once; only its hash is kept, as a line of a file.

    Args:
        name: Whose it is: it is in the servers' logs and metrics.
        file: The file that the line is added to, which servers read as `KEYS_FILE`; without it the line is only shown.

    Raises:
        UsageError: The name is none, or somebody has it.
        JobError: The file cannot be read or written.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name: use letters, digits, '.', '_' and '-'")
    key = BEGIN + secrets.token_urlsafe(32)
    line = f"{name}={digest(key)}"
    if file != Path():
        _add(file, name, line)
    return Made(name, key, line, "" if file == Path() else str(file))


def _add(file: Path, name: str, line: str) -> None:
    try:
        before = file.read_text() if file.exists() else ""
        if name in parse(before, str(file)):
            raise UsageError(f"{file} has a key of {name}", hint="take its line out first, or choose another name")
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:  # only its owner may read it
            new.write(f"{before}{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
        os.replace(new.name, file)  # noqa: PTH105 - at once: a server that reads meanwhile sees a whole file
    except OSError as error:
        raise JobError(f"{file} cannot be written: {error.strerror}") from error
