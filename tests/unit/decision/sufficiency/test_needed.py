"""How many more examples: a number with a band, or a reason; overall, by label, by field."""

import pytest
from support.learning_curves import asked_of, law

from insource.decision.sufficiency.losses import losses
from insource.decision.sufficiency.needed import more_examples, needed

TRUTH = law(0.06, 3.0, 0.6)


def test_the_number_is_about_the_true_one_and_its_band_covers_it():
    target = 1 - TRUTH(1600)
    found = more_examples(losses(asked_of(TRUTH), "accuracy"), "all", "", target)
    assert found.rows == 800
    assert found.more.low <= 800
    assert found.more.high is None or found.more.high >= 800
    assert f"About {found.more.value:,.0f} more examples" in found.sentence
    assert not found.refused


def test_a_target_that_is_reached_needs_nothing():
    found = more_examples(losses(asked_of(TRUTH), "accuracy"), "all", "", 0.5)
    assert found.more.value == 0
    assert found.sentence.startswith("50.0 % is reached with the 800 examples of today: ")
    assert found.sentence.endswith(" on 300 documents.")


REFUSED = {
    "beyond four times": (asked_of(TRUTH), 0.99, "at 3,200 examples, 4 times those of today"),
    "few documents": (asked_of(lambda rows: 0.5, documents=12), 0.99, "12 documents judge it"),
    "no curve": (asked_of(lambda rows: 0.3 if rows == 400 else 0.12, spread=0), 0.99, "becomes worse"),
    "nothing asked": ([], 0.9, "0 documents"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_number_that_nothing_supports_is_refused(name):
    asked, target, reason = REFUSED[name]
    found = more_examples(losses(asked, "accuracy"), "all", "", target)
    assert reason in found.refused
    assert found.more.value is None
    assert found.sentence.startswith(f"How many more examples reach {100 * target:.1f} % cannot be said:")


def test_a_label_is_asked_only_where_it_matters_and_in_examples_of_its_own():
    """`hard` is learnt late, `easy` is known: only the first needs examples, a half of the rows each."""

    def error(rows, label):
        return 0.02 if label == "easy" else 0.05 + 3 * rows**-0.45

    found = needed(asked_of(error, labels=("easy", "hard"), documents=400), "accuracy", 0.9, of_parts=0.85)
    assert [(one.part, one.name) for one in found] == [("all", ""), ("label", "hard")]
    assert found[1].rows == 400
    assert "of the label hard" in found[1].sentence
    assert found[1].more.low <= (3 / 0.1) ** (1 / 0.45) / 2 - 400 <= (found[1].more.high or float("inf"))


def test_a_field_is_asked_only_where_it_matters():
    def error(rows, field):
        return 0.01 if field == "date" else 0.05 + 4 * rows**-0.6

    asked = asked_of(error, fields=("date", "total"))
    found = needed(asked, "field_accuracy", 0.97, of_parts=0.93)
    assert [(one.part, one.name) for one in found] == [("all", ""), ("field", "total")]
    assert "for the field total" in found[1].sentence


def test_parts_are_not_asked_of_a_target_that_is_not_theirs():
    asked = asked_of(TRUTH)
    assert [one.part for one in needed(asked, "exact_match", 0.99, of_parts=None)] == ["all"]


def test_sizes_without_an_example_of_the_label_are_left_out():
    """Of five sizes, the smallest has none, or the two smallest have none."""
    for less, reason in ((0, ""), (1, "3 sizes were trained")):
        asked = [one._replace(labels={"a": max(0, one.rows // 100 - less)}) for one in asked_of(TRUTH)]
        (_, label) = needed(asked, "accuracy", 0.9, of_parts=0.9)
        assert label.rows == 8 - less
        assert ("sizes were trained" in label.refused) == bool(reason)
        assert reason in label.refused
