"""What is judged of a forest, and what it is trained with: without Spark."""

import pytest

from jobs.datasets import events
from jobs.datasets.nslkdd import CLASS_OF, CLASSES, FEATURES, KNOWN, NEW
from jobs.forest.folds import hidden
from jobs.forest.judging import judge


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
