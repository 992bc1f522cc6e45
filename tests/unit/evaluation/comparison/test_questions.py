"""The two questions of a comparison: on documents like these, and on groups to come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.judged import CLOUD, TUNED, against, label_records

from insource.evaluation.compare import compare
from insource.evaluation.comparison.mix import expected_unseen
from insource.foundation.errors import DataError
from insource.types import Comparison

TERMS = {"metric": "accuracy", "margin": 0.02}


def six_layouts():
    """140 documents worse and none better, on six layouts that lose very unequally."""
    lost = [1, 2, 5, 10, 52, 70]
    differences = [-(i < count) for count in lost for i in range(70)]
    return against(differences, [f"layout {g}" for g in range(6) for _ in range(70)])


def test_a_loss_on_six_layouts_is_certain_for_these_and_open_for_others():
    found = compare(*six_layouts(), **TERMS)
    assert (found.worse, found.better) == (140, 0)
    assert (found.question, found.outcome, found.required) == ("documents", "worse", None)
    assert found.sentence.startswith("On documents like these, tuned is worse than cloud on accuracy")
    other = found.other_question
    assert (other.question, other.units, other.test) == ("groups", 6, "cluster t by group")
    assert other.outcome == "inconclusive"
    assert (other.other_test.test, other.other_test.outcome) == ("exact sign flip by group", "worse")
    assert other.other_test.p_value == 2 ** (1 - 6)
    assert other.required.unit == "groups"
    assert 6 < other.required.low <= other.required.expected < other.required.high
    assert other.sentence.startswith("On groups to come, it is open whether tuned is as good as cloud")
    assert "It turns on the test: exact sign flip by group, which assumes" in other.sentence
    assert "says worse (p = 0.031)" in other.sentence
    assert "It takes more groups, not documents: about" in other.sentence
    assert "groups weigh by their number of documents" in other.sentence


def test_the_other_question_can_be_the_main_one():
    documents, groups = (compare(*six_layouts(), **TERMS, question=q) for q in ("documents", "groups"))
    assert groups.outcome == "inconclusive"
    assert groups.sentence.startswith("On groups to come, it is open whether")
    assert "on 420 documents in 6 groups" in groups.sentence
    assert groups.required == documents.other_question.required
    assert groups.required_n is None  # documents would not settle it
    assert groups.other_test == documents.other_question.other_test
    assert groups.other_question.outcome == documents.outcome
    assert groups.difference == documents.other_question.difference


def test_the_named_test_decides_and_its_inversion_is_the_interval():
    found = compare(*six_layouts(), **TERMS, question="groups", group_test="sign flip")
    assert (found.test, found.outcome, found.p_value) == ("exact sign flip by group", "worse", 2**-5)
    # With six groups the ends are the smallest and the largest loss of a layout.
    assert (found.difference.low, found.difference.high) == pytest.approx((-1.0, -1 / 70))
    assert (found.other_test.test, found.other_test.outcome) == ("cluster t by group", "inconclusive")


@pytest.mark.parametrize(("groups", "test", "decides"), [
    (1, "cluster t", None), (4, "cluster t", None), (5, "cluster t", "cluster t by group"),
    (5, "sign flip", None), (6, "sign flip", "exact sign flip by group"),
    (16, "sign flip", "exact sign flip by group"), (17, "sign flip", "cluster t by group"),
])  # fmt: skip
def test_too_few_groups_are_open_and_many_need_no_enumeration(groups, test, decides):
    differences = [-(i % (g + 2) == 0) for g in range(groups) for i in range(30)]
    sides = against(differences, [str(g) for g in range(groups) for _ in range(30)])
    other = compare(*sides, **TERMS, group_test=test).other_question
    if decides is None:
        assert (other.outcome, other.difference.low, other.p_value) == ("inconclusive", None, None)
        assert f"only {groups} group" in other.test
        assert "too few independent groups" in other.sentence
        assert (other.required is None) == (groups == 1)  # one group has no spread
    else:
        assert other.test == decides
        assert other.difference.low < other.difference.high


def test_groups_that_are_partly_missing_are_said():
    groups = [*[str(i // 10) for i in range(60)], *[None] * 10]
    other = compare(*against([-(i % 3 == 0) for i in range(70)], groups), **TERMS).other_question
    assert other.units == 16
    assert other.difference.note == "10 documents without a group count as one each"


def test_no_shared_group_leaves_one_question():
    for groups in (None, [str(i) for i in range(40)]):
        assert compare(*against([1, 0] * 20, groups), **TERMS).other_question is None


def test_groups_that_do_not_vary_are_no_certainty():
    groups = [str(i // 10) for i in range(80)]
    equal = compare(*against([0] * 80, groups), **TERMS)
    assert (equal.outcome, equal.other_question.outcome) == ("inconclusive", "inconclusive")
    assert equal.other_question.difference.low < 0 < equal.other_question.difference.high
    assert equal.other_question.required.expected == 183
    # Every group has the same rate: by t their spread would be zero.
    alike = compare(*against([-(i % 10 == 0) for i in range(80)], groups), **TERMS).other_question
    assert (alike.outcome, alike.difference.low) == ("inconclusive", None)


@pytest.mark.parametrize("test", ["cluster t", "sign flip"])
def test_differences_that_cancel_in_every_group_are_no_certainty(test):
    sides = against([1, -1] * 40, [str(i // 10) for i in range(80)])
    other = compare(*sides, **TERMS, group_test=test).other_question
    assert (other.outcome, other.test) == ("inconclusive", "cluster t by group")
    assert other.difference.low < 0 < other.difference.high


def test_the_range_of_the_required_documents_follows_the_spread():
    found = compare(*against([1] * 9 + [-1] * 7 + [0] * 84), **TERMS)
    assert found.required.unit == "documents"
    assert 100 < found.required.low < found.required.expected < found.required.high
    assert found.required_n == found.required.expected
    assert f"({found.required.low:,} to {found.required.high:,}) would settle it" in found.sentence


def test_what_is_not_comparable_has_no_other_outcome():
    reason = "the cloud was never offered 12 of the 77 labels."
    found = compare(*six_layouts(), **TERMS, not_comparable=reason)
    assert (found.outcome, found.other_question, found.required) == ("not comparable", None, None)
    assert found.sentence.startswith(f"tuned and cloud are not comparable: {reason}")
    assert found.difference.low is not None  # the figures stay


def test_a_test_set_rich_in_unseen_groups_is_not_production():
    differences = [-1] * 20 + [0] * 30 + [0] * 48 + [1] * 2
    seen = [i >= 50 for i in range(100)]
    sides = [
        (arm, label_records(right, None, seen))
        for arm, right in (
            (TUNED, [d >= 0 for d in differences]),
            (CLOUD, [d <= 0 for d in differences]),
        )
    ]
    mix = compare(*sides, **TERMS, unseen_share=0.1).mix
    assert (mix.unseen.value, mix.expected) == (0.5, 0.1)
    assert mix.difference.value == pytest.approx(0.9 * 2 / 50 - 0.1 * 20 / 50)
    assert mix.difference.low < mix.difference.value < mix.difference.high
    assert "this test set is not production" in mix.sentence
    assert compare(*sides, **TERMS).mix.difference is None
    close = compare(*sides, **TERMS, unseen_share=0.45).mix
    assert "close to what is to be expected" in close.sentence


def test_the_expected_share_of_new_groups_is_that_of_single_ones():
    assert expected_unseen(["a"] * 6 + ["b"] * 2 + ["c", "d"]) == 0.2
    assert expected_unseen([None, None]) is None


def test_doubled_documents_are_refused():
    (arm, records), cloud = against([1, 0, -1])
    with pytest.raises(DataError, match="occur twice") as caught:
        compare((arm, [*records, records[0]]), cloud, **TERMS)
    assert caught.value.code == "doubled-documents"


def test_a_result_of_one_question_is_still_read():
    kept = compare(*six_layouts(), **TERMS, question="groups").model_dump(mode="json")
    new = {"question", "weighting", "p_not_worse", "required", "other_test", "other_question", "mix"}
    new |= {"units", "not_comparable", "adjusted", "standing"}
    older = {key: value for key, value in kept.items() if key not in new}
    assert Comparison.model_validate(older).question == "groups"
    assert Comparison.model_validate(older | {"test": "t by document"}).question == "documents"


DIFFERENCES = st.lists(st.tuples(st.sampled_from([-1, 0, 0, 1]), st.integers(0, 8)), min_size=1, max_size=60)


@given(DIFFERENCES, st.randoms(use_true_random=False), st.sampled_from(["documents", "groups"]))
def test_the_order_of_documents_changes_nothing(pairs, random, question):
    ours, theirs = against([d for d, _ in pairs], [str(g) for _, g in pairs])
    order = list(range(len(pairs)))
    random.shuffle(order)
    mixed = [(arm, [records[i] for i in order]) for arm, records in (ours, theirs)]
    first, second = (compare(*sides, **TERMS, question=question) for sides in ((ours, theirs), mixed))
    assert second.outcome == first.outcome
    assert second.difference.value == pytest.approx(first.difference.value)
    assert second.p_value == pytest.approx(first.p_value)


@given(DIFFERENCES, st.sampled_from(["cluster t", "sign flip"]))
def test_swapped_arms_negate_every_difference(pairs, test):
    groups = [str(g) for _, g in pairs]
    first = compare(*against([d for d, _ in pairs], groups), **TERMS, group_test=test)
    second = compare(*against([-d for d, _ in pairs], groups), **TERMS, group_test=test)
    for one, other in ((first, second), (first.other_question, second.other_question)):
        if one is None:
            assert other is None
            continue
        assert other.difference.value == pytest.approx(-one.difference.value)
        assert other.p_value == pytest.approx(one.p_value)
        if one.difference.low is not None:
            assert other.difference.low == pytest.approx(-one.difference.high)
            assert one.difference.low < one.difference.high


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60))
def test_gold_against_itself_differs_by_nothing(groups):
    sides = against([0] * len(groups), [str(g) for g in groups])
    found = compare(*sides, **TERMS)
    assert (found.difference.value, found.better, found.worse) == (0.0, 0, 0)
    assert found.outcome in ("inconclusive", "not worse")
    assert found.difference.low is None or found.difference.low < 0 < found.difference.high
