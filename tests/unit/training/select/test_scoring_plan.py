"""How often and on how many documents checkpoints are scored, by what that costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.training.select.scoring import (
    FINALISTS,
    LEAST_DOCUMENTS,
    MOST_DOCUMENTS,
    SHARE,
    Scoring,
    plan_scoring,
    without_measurement,
)


def scoring(why_not=""):
    return Scoring("field_accuracy", 1.0, {}, lambda folder, documents, longest: None, why_not)


@pytest.mark.parametrize(
    ("training_s", "answer_s", "which", "documents"),
    [
        (600, 0.3, "each", 40),  # eight times 40 answers take 96 of 120 s
        (600, 0.6, "each", 23),
        (600, 1.5, "finalists", 26),
        (600, 6.0, "none", 0),
    ],
)
def test_scoring_takes_what_a_fifth_of_the_run_allows(training_s, answer_s, which, documents):
    plan = plan_scoring(
        available=100, evaluations=8, training_s=training_s, starting_s=1.0, answer_s=answer_s
    )
    assert (plan.which, plan.documents) == (which, documents)
    assert "a fifth of 600 s" in plan.reason


@given(
    st.integers(LEAST_DOCUMENTS, 500),
    st.integers(2, 20),
    st.floats(1, 1e5),
    st.floats(0, 30),
    st.floats(1e-3, 60),
)
def test_scoring_never_takes_more_than_its_share(available, evaluations, training_s, starting_s, answer_s):
    plan = plan_scoring(
        available=available,
        evaluations=evaluations,
        training_s=training_s,
        starting_s=starting_s,
        answer_s=answer_s,
    )
    checkpoints = {"each": evaluations, "finalists": FINALISTS, "none": 0}[plan.which]
    assert checkpoints * (starting_s + plan.documents * answer_s) <= SHARE * training_s * (1 + 1e-9)
    assert plan.which == "none" or LEAST_DOCUMENTS <= plan.documents <= min(available, MOST_DOCUMENTS)


@pytest.mark.parametrize(
    ("found", "given_number", "available", "evaluations", "which", "reason"),
    [
        (None, None, 100, 8, "none", "nothing that scores an answer was given"),
        (scoring("it needs the extra `serve`"), 20, 100, 8, "none", "it needs the extra `serve`"),
        (scoring(), 0, 100, 8, "none", "given"),
        (scoring(), 20, 100, 8, "each", "given"),
        (scoring(), 20, 12, 8, "each", "given"),
        (scoring(), None, 100, 1, "none", "there is one checkpoint only"),
        (scoring(), None, 9, 8, "none", "9 validation documents are too few to tell checkpoints apart"),
    ],
)
def test_what_needs_no_measurement(found, given_number, available, evaluations, which, reason):
    plan = without_measurement(found, given_number, available, evaluations)
    assert (plan.which, plan.reason) == (which, reason)
    assert plan.documents == (min(given_number, available) if which == "each" else 0)


def test_the_rest_is_measured():
    assert without_measurement(scoring(), None, 40, 8) is None
