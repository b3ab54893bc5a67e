"""The tables' upkeep: compacted, vacuumed, mended and made anew, the ledger adds up all the same."""

import json
import re
from typing import Any

import pytest

from tests.services.copies import Copy
from tests.services.test_lake import Topic, good

CHAIN = ("bronze", "silver", "gold")
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def topic(stack: Copy) -> Topic:
    """A topic whose tables have two entries each; every test leaves them whole."""
    made = Topic(stack)
    for first in (0, 20):
        made.produce(*map(good, range(first, first + 20)), b"bad")
        for step in CHAIN:
            made.do(step)
    return made


def sql(topic: Topic, text: str) -> None:
    lake = topic.stack.env["LAKE_URI"]
    with topic.stack.spark() as spark:
        spark.sql(text.format(silver=f"delta.`{lake}/silver/{topic.name}`")).collect()


def verified(topic: Topic) -> dict[str, Any]:
    done = topic.stack.headrace("ledger", "verify", f"--topic={topic.name}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_compaction_changes_no_row(topic: Topic) -> None:
    before = verified(topic)
    compacted = json.loads(topic.job("tables", "compact").stdout)
    after = verified(topic)

    assert {each["table"].partition("/")[0] for each in compacted if each["removed"] > each["added"] > 0} >= {
        "bronze",
        "silver",
    }
    assert (after["hashes"], after["counts"]) == (before["hashes"], before["counts"])


def test_what_was_changed_by_hand_is_found_and_undone(topic: Topic) -> None:
    before = verified(topic)
    sql(topic, "DELETE FROM {silver} WHERE message_id = 3")
    broken = topic.job("ledger", "verify")
    unasked = topic.stack.headrace("tables", "restore", f"silver/{topic.name}")
    restored = topic.stack.headrace("tables", "restore", f"silver/{topic.name}", "--yes")

    assert broken.returncode == 4
    assert re.search(r"changes without an entry: \['version \d DELETE'\], not \[\]", broken.stderr)
    assert unasked.returncode == 2
    assert [each.split()[1] for each in json.loads(restored.stdout)["undone"]] == ["DELETE"], restored.stderr
    assert verified(topic)["hashes"] == before["hashes"]


def test_files_are_deleted_when_no_version_within_the_retention_needs_them(topic: Topic) -> None:
    before = verified(topic)
    refused = topic.job("tables", "vacuum", "--keep=1h")
    kept = topic.job("tables", "vacuum", "--keep=2d")
    sql(topic, "ALTER TABLE {silver} SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = 'interval 0 hours')")
    vacuumed = topic.job("tables", "vacuum")

    assert refused.returncode == 2
    assert "--keep=1h is less than a day" in refused.stderr
    assert [(each["keep"], each["files"]) for each in json.loads(kept.stdout)] == [("48 hours", 0)] * 3, kept.stderr
    keeps = {each["table"].partition("/")[0]: each for each in json.loads(vacuumed.stdout)}
    assert [keeps[each]["keep"] for each in CHAIN] == ["48 hours", "0 hours", "48 hours"]
    assert (keeps["silver"]["files"] >= 2, keeps["bronze"]["files"]) == (True, 0)
    assert verified(topic)["hashes"] == before["hashes"]


def test_a_table_with_other_columns_is_refused_until_it_is_made_anew(topic: Topic) -> None:
    sql(topic, "ALTER TABLE {silver} ADD COLUMNS (former STRING)")  # as if the dataset had lost a column since
    topic.produce(*map(good, range(40, 45)))
    topic.do("bronze")

    refused = topic.stack.headrace(*topic.words("silver"))
    anew = topic.stack.headrace(*topic.words("silver"), "--rebuild")
    built = topic.do("gold")
    books = verified(topic)["counts"]
    shown = json.loads(topic.stack.headrace("ledger", "show", topic.name).stdout)

    assert refused.returncode == 2
    assert "has other columns than its dataset writes now: - former" in refused.stderr
    assert f"headrace silver clean --topic={topic.name} --dataset=messages --rebuild" in refused.stderr
    assert (json.loads(anew.stdout)["entry"], json.loads(anew.stdout)["rows"]) == (3, 45), anew.stderr
    assert built["entry"] == 3
    assert {"bronze": 47, "silver": 45, "dead": 2, "duplicates": 0}.items() <= books.items()
    layers = {each["table"].partition("/")[0]: each for each in shown["layers"]}
    assert [layers[each]["lines"][0]["anew"] for each in CHAIN] == [False, True, True]
    assert [layers[each]["behind"] for each in CHAIN] == [0, 0, 0]
    assert layers["bronze"]["lines"][0]["engine"].startswith("Apache-Spark/")
