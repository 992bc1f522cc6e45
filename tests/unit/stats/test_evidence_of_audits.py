"""Evidence under the hypothesis has an expectation of at most 1: exactly, over every possible outcome."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from support.audit_streams import deviations_of

from insource.stats.bounded_mean import mean_evidence, predicted_evidence, weighted_evidence
from insource.stats.e_process import log_evidence, log_evidences
from insource.stats.late_change import late_change_evidence, late_factors, round_share
from insource.stats.sample_ratio import sample_ratio_evidence

OUTCOMES = [np.array(one, dtype=float) for one in product((0, 1), repeat=8)]


def expectation(evidence, rate):
    """Return the expectation over eight independent outcomes of this rate."""
    chance = [rate ** one.sum() * (1 - rate) ** (len(one) - one.sum()) for one in OUTCOMES]
    return sum(p * np.exp(evidence(one)) for p, one in zip(chance, OUTCOMES, strict=True))


@pytest.mark.parametrize("rate", [0.05, 0.3])
@pytest.mark.parametrize(
    "evidence",
    [
        lambda one, rate: mean_evidence(one, rate, "above", 0, 1)[-1],
        lambda one, rate: mean_evidence(one, rate, "below", 0, 1)[-1],
        lambda one, rate: sample_ratio_evidence(int(one.sum()), len(one), rate),
        lambda one, rate: log_evidence(int(one.sum()), len(one), rate, "above"),
    ],
    ids=["mean above", "mean below", "sample ratio", "mixture"],
)
def test_the_expectation_is_one_at_the_boundary(evidence, rate):
    assert expectation(lambda one: evidence(one, rate), rate) == pytest.approx(1.0)


def test_the_expectation_is_one_with_weights():
    """Four calls: each is audited or not, and wrong or not."""
    rate, probability, weighted = 0.2, 0.25, 0.0
    for audited, wrong in product(product((0, 1), repeat=4), product((0, 1), repeat=4)):
        a, w = np.array(audited), np.array(wrong, dtype=float)
        chance = np.prod(np.where(a, probability, 1 - probability) * np.where(w, rate, 1 - rate))
        evidence = weighted_evidence(np.where(a, w, rate), np.where(a, 4.0, 1.0), 4.0, rate, "above")
        weighted += chance * np.exp(evidence[-1])
    assert weighted == pytest.approx(1.0)


@pytest.mark.parametrize("claim", ["above", "below"])
@pytest.mark.parametrize("pattern", [[0.9, 0.0, 0.4, 0.1], [0.0] * 9 + [0.9], [0.0, 0.0, 0.9, 0.9], [0.2]])
def test_the_expectation_at_an_audit_is_at_most_one_with_any_prediction(pattern, claim):
    """At the first audit of an endless stream, over where it falls and what it finds."""
    rate, probability, expectation = 0.2, 0.25, 0.0
    predicted = np.resize(pattern, 80)
    for at in range(len(predicted)):  # that none of these calls is audited has a probability of 1e-10
        known = deviations_of(predicted, np.arange(len(predicted)) == at)
        for wrong, chance in ((1.0, rate), (0.0, 1 - rate)):
            evidence = predicted_evidence([wrong], known, probability, rate, claim, 0.9)
            expectation += (1 - probability) ** at * probability * chance * np.exp(evidence[-1])
    assert 0.9 < expectation <= 1 + 1e-9


def changed(series):
    """Return the evidence of the units' last outcomes."""
    ends = np.cumsum([len(one) for one in series]) - 1
    return late_change_evidence(late_factors(series)[ends.astype(int)])


@pytest.mark.parametrize("outcome", [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]])
def test_the_expectation_is_one_over_the_arrangements_of_a_unit(outcome):
    """Whatever its rate is, and however few answers there are: that is what makes a noisy cloud no alarm."""
    orders = list(permutations(outcome))
    assert np.mean([np.exp(changed([order])) for order in orders]) == pytest.approx(1.0)


def test_units_that_never_vary_tell_nothing_and_late_changes_tell_much():
    still = [[False] * 6] * 50
    assert changed([]) == changed(still) == pytest.approx(0.0)
    assert changed([*still, *[[False] * 5 + [True]] * 10]) > 8
    assert changed([*still, *[[True] + [False] * 5] * 10]) < 0


def test_the_shares_of_all_rounds_sum_to_one():
    assert sum(round_share(number) for number in range(2, 10_000)) == pytest.approx(1, abs=1e-3)


def test_arrays_of_counts_agree_with_single_ones():
    counts = [(0, 10), (3, 60), (12, 60), (60, 60)]
    for claim in ("above", "below"):
        found = log_evidences([k for k, _ in counts], [n for _, n in counts], 0.05, claim)
        assert found == pytest.approx([log_evidence(k, n, 0.05, claim) for k, n in counts])


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_evidence([0.5], 1.0, "above", 0, 1),
        lambda: mean_evidence([2.0], 0.5, "above", 0, 1),
        lambda: weighted_evidence([1], [0.5], 4.0, 0.1, "above"),
        lambda: weighted_evidence([1], [5.0], 4.0, 0.1, "above"),
        lambda: sample_ratio_evidence(3, 2, 0.5),
        lambda: sample_ratio_evidence(1, 2, 1.0),
    ],
)
def test_values_that_do_not_fit_are_refused(call):
    with pytest.raises(ValueError, match=r"must be|needs"):
        call()
