"""What is judged of a forest, and what it is trained with: without Spark."""

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from jobs.datasets import events
from jobs.datasets.nslkdd import CLASS_OF, CLASSES, FEATURES, KNOWN, NEW
from jobs.errors import UsageError
from jobs.forest import connections, page, tally
from jobs.forest.cards import CARD, Card
from jobs.forest.favour import SHARES, Guesses, chosen, expected
from jobs.forest.folds import hidden
from jobs.forest.judging import judge
from jobs.forest.model import Options, weights
from jobs.forest.search import Tried, candidates
from jobs.forest.tally import Tally


def test_figures_of_a_confusion_matrix() -> None:
    judged = judge({("normal", "normal"): 6, ("dos", "dos"): 2, ("dos", "normal"): 1, ("probe", "dos"): 1})

    assert judged.records == 10
    assert judged.accuracy == pytest.approx(0.8)
    assert judged.binary_accuracy == pytest.approx(0.9)
    assert judged.classes["dos"].precision == pytest.approx(2 / 3)
    assert judged.classes["dos"].recall == pytest.approx(2 / 3)
    assert judged.classes["probe"].f1 == judged.classes["u2r"].f1 == 0
    assert judged.macro_f1 == pytest.approx((12 / 13 + 2 / 3) / 5)
    assert judge({}).accuracy == 0


def test_each_attack_is_hidden_in_one_fold_and_each_class_keeps_some() -> None:
    labels = [*CLASS_OF][:1] + [each for attacks in KNOWN.values() for each in attacks]
    folds = hidden(labels, seed=1)

    assert sorted(each for fold in folds for each in fold) == sorted(labels[1:])
    for fold in folds:
        for attacks in KNOWN.values():
            assert set(attacks) - fold
    assert hidden(labels, seed=1) == folds
    assert hidden(labels, seed=2) != folds


def test_nsl_kdd_has_41_features_and_39_attacks_in_five_classes() -> None:
    assert len(FEATURES) == 41
    assert sum(map(len, KNOWN.values())) == 22
    assert sum(map(len, NEW.values())) == 17
    assert {*CLASS_OF.values()} == {*CLASSES}


def test_generated_connections_have_all_fields_and_every_class() -> None:
    generator = events.named("connections")
    made = [*generator.events(7, range(20_000))]

    rows = [value.decode().split(",") for _, value in made]
    assert {len(row) for row in rows} == {42}
    assert {CLASS_OF[row[-1]] for row in rows} == {*CLASSES}
    assert [generator.number(key, value, 7) for key, value in made] == [*range(20_000)]
    assert generator.number(made[3][0], None, 8) is None
    assert made[500:510] == [*generator.events(7, range(500, 510))]
    assert made != [*generator.events(8, range(20_000))]


def test_a_rare_class_and_a_rare_attack_weigh_as_much_as_frequent_ones() -> None:
    counts = {"normal": 900, "neptune": 80, "land": 20}

    same = weights(counts, Options(balance=0, spread=0))
    assert same == pytest.approx(dict.fromkeys(counts, 1))
    even = weights(counts, Options(balance=1, spread=1))
    assert {label: even[label] * count for label, count in counts.items()} == pytest.approx(
        {"normal": 500, "neptune": 250, "land": 250}
    )
    classes = weights(counts, Options(balance=1, spread=0))
    assert classes["neptune"] == pytest.approx(classes["land"])
    assert classes["normal"] * 900 == pytest.approx(500)


def guesses(*rows: tuple[str, bool, list[float]]) -> Guesses:
    labels, unseen, probabilities = zip(*rows, strict=True)
    return Guesses(labels, unseen, np.array(probabilities, dtype=np.float32))


def test_what_is_expected_is_half_attacks_of_which_a_third_is_unseen() -> None:
    normal, dos = [1.0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0]
    judged = expected(guesses(("normal", False, normal), ("land", False, dos), ("land", True, normal)), {})

    attack = SHARES["dos"] / len(KNOWN["dos"])
    assert judged.confusion["normal"]["normal"] == pytest.approx(SHARES["normal"])
    assert judged.confusion["dos"]["dos"] == pytest.approx(attack * 2 / 3)
    assert judged.confusion["dos"]["normal"] == pytest.approx(attack / 3)
    assert sum(SHARES.values()) == pytest.approx(1)


def test_a_class_is_favoured_when_that_finds_more_of_it_and_not_otherwise() -> None:
    sure, doubtful = [0.9, 0.1, 0, 0, 0], [0.6, 0.4, 0, 0, 0]

    shy = guesses(("normal", False, sure), ("land", False, doubtful), ("neptune", True, doubtful))
    assert chosen(shy) == {"dos": 2}
    assert expected(shy, {"dos": 2}).macro_f1 > expected(shy, {}).macro_f1
    right = guesses(("normal", False, sure), ("land", False, [0.0, 1, 0, 0, 0]))
    assert chosen(right) == {}


def test_a_search_tries_what_was_given_and_what_is_near() -> None:
    given = Options()

    assert candidates(given, "none") == []
    assert candidates(given, "given") == [given]
    small = candidates(given, "small")
    assert small[0] == given
    assert len({str(each) for each in small}) == len(small) > 4


TALLIES = [
    Tally("normal", "normal", 9, 90, 85.5),
    Tally("normal", "dos", 5, 10, 5.5),
    Tally("mscan", "probe", 9, 3, 2.85),
    Tally("mscan", "normal", 5, 1, 0.55),
]


def test_a_tally_is_figures_attacks_and_a_calibration() -> None:
    judged = tally.judged(TALLIES)

    assert judged.records == 104
    assert judged.classes["probe"].recall == pytest.approx(0.75)
    assert tally.attacks(TALLIES)["mscan"] == {"probe": 3, "normal": 1}
    low, high = tally.calibration(TALLIES)
    assert (low.records, low.probability, low.right) == (11, pytest.approx(0.55), 0)
    assert (high.records, high.probability, high.right) == (93, pytest.approx(0.95), 1)


def test_the_page_of_a_card_needs_nothing_else_and_says_hostile_words_as_they_are() -> None:
    tried = Tried(Options(), 0.8, 0.9, dict.fromkeys(CLASSES, 0.7), 0.7, 3)
    made = Card(
        version=3,
        trained=datetime(2026, 1, 2, tzinfo=UTC),
        source="<script>alert(1)</script>.txt",
        digest="ab" * 32,
        cite="Tavallaee",
        lines=105,
        bad={"not <b>41</b> fields": 1},
        unlabelled=0,
        connections={"normal": 90, "mscan": 4},
        seed=1,
        options=Options(),
        seconds=1.5,
        held_back=tally.judged(TALLIES),
        tried=[tried],
        attacks=tally.attacks(TALLIES),
        calibration=tally.calibration(TALLIES),
        reference={},
        packages={"pyspark": "4"},
    )
    html = page.render(made)

    assert html.count("<svg") == 2
    assert "<script" not in html
    assert "<b>41" not in html
    assert not re.search(r"(?:href|src)=|https?:|url\(", html)
    assert "ab" * 32 in html
    assert CARD.validate_json(CARD.dump_json(made)) == made


def test_a_file_is_the_same_packed_or_not_and_an_unreadable_one_is_said(tmp_path: Path) -> None:
    plain, packed, empty, cut = (tmp_path / name for name in ("plain", "packed", "empty", "cut"))
    text = b"a,b\n\nc\n"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    empty.write_bytes(gzip.compress(b"\n \n"))
    cut.write_bytes(gzip.compress(text * 1000)[:30])

    assert connections.file(plain).lines == [b"a,b", b"", b"c"]
    assert connections.file(packed).digest == connections.file(plain).digest
    for each in (empty, cut, tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match=each.name):
            connections.file(each)
