"""A key is shown once, kept as a hash, and known again; whoever has another one is nobody."""

import json
import stat
from pathlib import Path

import pytest

from jobs.cli import launch
from jobs.errors import JobError
from jobs.keys import Keys, digest, load, parse


def made(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    assert launch(["keys", "make", *words, "--output=json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_key_is_known_by_its_hash_and_a_file_that_changes_is_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    ada = made(capsys, "ada", f"--file={file}")
    keys = Keys(file=file)

    bob = made(capsys, "bob", f"--file={file}")

    assert (keys.who(ada["key"]), keys.who(bob["key"]), len(keys)) == ("ada", "bob", 2)
    assert (keys.who(ada["key"][:-1]), keys.who(""), keys.who(digest(ada["key"]))) == (None, None, None)
    assert ada["key"] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    file.write_text(file.read_text().partition("\n")[2] + "\n\n")
    assert (keys.who(ada["key"]), keys.who(bob["key"])) == (None, "bob")


def test_a_name_is_taken_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(capsys, "ada", f"--file={tmp_path / 'keys'}")

    assert launch(["keys", "make", "ada", f"--file={tmp_path / 'keys'}", "--output=json"]) == 2
    assert launch(["keys", "make", "A da", "--output=json"]) == 2


def test_keys_are_also_in_the_environment() -> None:
    keys = Keys(f"ada={digest('a')}, bob={digest('b')}  # two of them")

    assert (keys.who("a"), keys.who("b"), keys.who("c")) == ("ada", "bob", None)


@pytest.mark.parametrize("text", ["ada", "ada=12", f"ada={digest('a')}\nada={digest('b')}", f"A={digest('a')}"])
def test_what_is_no_key_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(JobError, match=r"keys:\d"):
        parse(text, "keys")


def test_a_variable_that_is_empty_names_no_file_and_one_that_names_a_folder_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYS_SHA256", "")
    monkeypatch.setenv("KEYS_FILE", "")
    keys = load()
    assert (keys.file, len(keys)) == (None, 0)

    monkeypatch.setenv("KEYS_FILE", str(tmp_path))
    with pytest.raises(JobError, match="directory"):
        load()
