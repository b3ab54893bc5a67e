"""Declared files are read strictly, and blamed by line."""

from pathlib import Path

import pytest

from jobs import declared
from jobs.errors import UsageError
from jobs.topics.declared import load


def topics(folder: Path, text: str) -> Path:
    file = folder / "topics.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "text, line, said",
    [
        ("topics:\n  - name: a\n    partitions: [1\n", 4, "not YAML"),
        ("topics:\n  - name: a\n\tpartitions: 1\n", 3, "not YAML"),
        ("topics:\n  - name: a\n    partitons: 6\n", 3, "topics[0].partitons: unknown key; did you mean partitions?"),
        ("topics:\n  - name: a\n    partitions: '6'\n", 3, "topics[0].partitions: Input should be a valid integer"),
        ("topics:\n  - name: a\n    partitions: 0\n", 3, "greater than or equal to 1, not 0"),
        ("topics:\n  - name: a b\n", 2, "topics[0].name"),
        ("topics:\n  - partitions: 1\n", 2, "topics[0].name: is required"),
        (
            "topics:\n  - name: a\n    configs:\n      x.y: {a: b}\n",
            4,
            "topics[0].configs.x.y: Input should be a valid string",
        ),
        ("topics:\n  - name: a\n  - name: b\n  - name: a\n", 4, "a is declared at"),
        ("topics:\n  - name: a\n    owner: x\n    owner: y\n", 4, "owner is there twice"),
        ("defaults: {}\n", 1, "topics: is required"),
        ("- a\n", 1, "the file: Input should be"),
        ("", 1, "topics: is required"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(topics(tmp_path, text))
    assert f"topics.yaml:{line}: " in str(caught.value)
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)topics.yaml:2: .*topics.yaml:3: "):
        load(topics(tmp_path, "topics:\n  - nam: a\n    partitions: x\n"))


def test_a_file_is_also_looked_for_among_what_is_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "messages").mkdir(parents=True)
    there = tmp_path / "home" / "messages" / "topics.yaml"
    there.write_text("topics: []\n")
    monkeypatch.setenv("HEADRACE_DECLARED", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert declared.find(Path("messages/topics.yaml")) == there
    with pytest.raises(UsageError, match=r"no file messages/topic\.yaml: .*declared are: messages/topics\.yaml"):
        declared.find(Path("messages/topic.yaml"))


def test_what_this_repository_declares_is_well_formed() -> None:
    names = [topic.name for topic in load(Path("messages/topics.yaml")).value.topics]
    assert names == ["messages", "messages.dlq", "messages.sqs.dlq"]
