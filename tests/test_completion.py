"""The shell asks for names only where there are some, and is told of which kind."""

import subprocess
import sys

import pytest

from jobs import catalogue, completion
from jobs.cli import completing


@pytest.mark.parametrize(
    "words, kind",
    [
        (["bronze", "load", "--topic", "m"], "topics"),
        (["bronze", "load", "--topic=m"], "topics"),
        (["bronze", "load", ""], "topics"),
        (["topics", "delete", "m"], "topics"),
        (["connectors", "status", ""], "connectors"),
        (["connectors", "offsets", "list", "mes"], "connectors"),
        (["groups", "lag", ""], "groups"),
        (["groups", "lag", "--topic", ""], "topics"),
        (["--output", "json", "groups", "lag", "--group", ""], "groups"),
        ([], "topics"),
    ],
)
def test_the_kind_of_the_word_that_is_typed(words: list[str], kind: str) -> None:
    assert completion.kind(words) == kind


def test_every_option_that_names_a_topic_a_connector_or_a_group_is_live() -> None:
    found = {
        f"{job.name} {each}" for job in catalogue.all_jobs() for each in job.options if completion.live(job.noun, each)
    }
    assert {
        "bronze-load topic",
        "connectors-offsets name",
        "connectors-restart name",
        "connectors-status name",
        "groups-lag group",
        "groups-lag topic",
        "silver-clean topic",
        "topics-delete names",
    } <= found


def test_the_script_knows_every_command() -> None:
    script = completing().generate_completion(prog_name="headrace", shell="bash")  # noqa: S604 - the name of one
    assert "__complete" in script
    for job in catalogue.all_jobs():
        assert job.verb in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_what_is_down_completes_nothing_and_says_nothing() -> None:
    environment = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "HEADRACE_STATE": "/nowhere", "PATH": "/usr/bin:/bin"}
    asked = [sys.executable, "-m", "jobs", "__complete", "bronze", "load", "--topic", ""]
    done = subprocess.run(asked, capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("\n\x1fbegin\n", "")
