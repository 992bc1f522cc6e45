"""A challenger passes only where it is not shown to be worse, on any part, and something is shown at all."""

import pytest
from support.judged import CLOUD, TUNED, label_records

from insource.evaluation.compare import Terms, compared
from insource.evaluation.comparison.family import adjust
from insource.evaluation.comparison.slices import DocumentSlice, compare_slices
from insource.lifecycle.challenge import ruling, ruling_alone

OLD, NEW = CLOUD.model_copy(update={"name": "champion"}), TUNED.model_copy(update={"name": "challenger"})
TERMS = Terms("accuracy", 0.05)


def compare_on(*parts):
    """Comparisons corrected for each other, from (documents, ours wrong, theirs wrong) of each part."""
    found = []
    for n, ours, theirs in parts:
        sides = (
            (NEW, label_records([i >= ours for i in range(n)])),
            (OLD, label_records([i < n - theirs for i in range(n)])),
        )
        found.append(compared(*sides, TERMS))
    return adjust(found, TERMS, primary=None)


EQUAL, BETTER, WORSE, FEW = (600, 2, 2), (200, 5, 60), (200, 60, 5), (20, 1, 1)


@pytest.mark.parametrize(
    ("sealed", "fresh", "passes", "said"),
    [
        (EQUAL, BETTER, True, "better on the fresh ones"),
        (BETTER, FEW, True, "better on the sealed test documents"),
        (EQUAL, FEW, True, "not worse by more than 5.0% on the sealed test documents"),
        (WORSE, BETTER, False, "worse on the sealed test documents"),
        (BETTER, WORSE, False, "worse on the fresh ones"),
        (FEW, FEW, False, "nothing is shown on the sealed test documents"),
    ],
)
def test_the_two_comparisons_decide(sealed, fresh, passes, said):
    found = ruling(*compare_on(sealed, fresh), None, champion="run-1")
    assert (found.passes, said in found.reason) == (passes, True), found.reason
    assert ("run-1 stays" in found.reason) == (not passes)


def test_nothing_to_compare_on_keeps_the_champion():
    found = ruling(None, None, None, champion="run-1", learned=12)
    assert (found.passes, found.learned) == (False, 12)


def test_a_few_documents_say_how_many_would_tell():
    (only,) = compare_on((40, 3, 6))
    found = ruling(only, None, None, champion="run-1")
    assert not found.passes
    assert f"about {only.required_n:,} documents would tell" in found.reason


def test_worse_on_one_slice_keeps_the_champion_though_it_is_better_on_the_whole():
    """Better on 300 documents, and worse on 60 that have a group of their own."""
    rare = range(300, 360)
    ours = label_records([i not in rare or i % 2 == 0 for i in range(360)])
    theirs = label_records([i % 3 != 0 or i in rare for i in range(360)])
    (sealed,) = adjust([compared((NEW, ours), (OLD, theirs), TERMS)], TERMS, primary=None)
    slices = compare_slices(
        (NEW, ours),
        (OLD, theirs),
        [DocumentSlice("group", "rare supplier", frozenset(str(i) for i in rare))],
        metric="accuracy",
    )
    assert sealed.adjusted.outcome == "better"
    assert ruling(sealed, None, None, champion="run-1").passes
    found = ruling(sealed, None, slices, champion="run-1")
    assert not found.passes
    assert "worse on one slice, group rare supplier: 50.0% against 100.0% of 60 documents" in found.reason


@pytest.mark.parametrize(("part", "passes"), [(BETTER, True), (EQUAL, True), (WORSE, False), (FEW, False)])
def test_with_another_contract_it_must_not_be_worse_than_todays_way(part, passes):
    found = ruling_alone(compare_on(part)[0], champion="run-1")
    assert (found.passes, found.sealed) == (passes, None)
    assert "another contract" in found.notes[0]


def test_with_another_contract_and_nothing_to_compare_with_the_champion_stays():
    assert not ruling_alone(None, champion="run-1").passes
