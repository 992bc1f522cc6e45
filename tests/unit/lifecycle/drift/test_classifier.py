"""The classifier two-sample test."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from insource.foundation.rng import generator
from insource.lifecycle.drift.classifier import separation
from insource.lifecycle.drift.permutation import Sides


def drawn(n, shift=0.0, k=8, seed=0):
    rows = generator(seed, f"tests.classifier.{shift}").normal(size=(n, k))
    rows[:, 0] += shift
    return rows


def apart(before, after, alpha=0.05, ordered=False):
    rng = generator(0, "tests.sides")
    sides = Sides.of(len(before), len(after), rng, alpha=alpha, ordered=ordered)
    return separation(np.vstack([before, after]), sides, rng)


@pytest.mark.parametrize("ordered", [True, False])
def test_samples_that_differ_are_told_apart_and_equal_ones_are_not(ordered):
    moved = apart(drawn(400), drawn(200, shift=1.0), alpha=0.025, ordered=ordered)
    alike = apart(drawn(400), drawn(200, seed=1), alpha=0.025, ordered=ordered)
    assert moved.p_value == 1 / 200
    assert moved.auroc.low > 0.6
    assert alike.p_value > 0.05
    assert alike.auroc.low < 0.5 < alike.auroc.high


def test_the_auroc_is_that_of_the_best_linear_score():
    """With a shift of one standard deviation in one column, the best AUROC is Phi(1 / sqrt 2) = 0.760."""
    found = apart(drawn(4000), drawn(2000, shift=1.0), alpha=0.4)
    assert found.auroc.value == pytest.approx(0.760, abs=0.02)
    assert found.auroc.n == 6000


def test_it_separates_as_well_as_logistic_regression():
    before, after = drawn(1000, k=30), drawn(400, shift=0.5, k=30)
    rows, labels = np.vstack([before, after]), np.r_[np.zeros(1000), np.ones(400)]
    fresh_before, fresh_after = drawn(4000, k=30, seed=5), drawn(4000, shift=0.5, k=30, seed=5)
    model = LogisticRegression().fit(rows, labels)
    scores = [model.decision_function(fresh) for fresh in (fresh_before, fresh_after)]
    logistic = np.mean(scores[1] > scores[0])
    assert apart(before, after, alpha=0.4).auroc.value == pytest.approx(logistic, abs=0.03)


def test_the_p_value_is_never_below_what_the_permutations_can_show():
    assert apart(drawn(50), drawn(50, shift=9.0), alpha=0.25).p_value == 1 / 20


def test_too_few_blocks_are_refused():
    with pytest.raises(ValueError, match="at least 5"):
        apart(drawn(2), drawn(2))


def test_columns_without_variance_tell_nothing():
    same = np.zeros((40, 3))
    found = apart(same, same)
    assert (found.auroc.value, found.p_value) == (0.5, 1.0)
