"""The sign-flip test against scipy's permutation test, and its interval against the test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from insource.stats.sign_flip import sign_flip

GROUPS = st.lists(st.integers(-20, 20), min_size=6, max_size=9).filter(lambda g: len(set(g)) > 1)


@pytest.mark.parametrize("null", [0.0, -0.02, 0.1])
@pytest.mark.parametrize("means", [[0.3, 0.1, 0.25, 0.4, 0.15, 0.2], [0.3, -0.1, 0.2, 0.4, 0.05, -0.2, 0.1]])
def test_it_is_the_exact_permutation_test(means, null):
    shifted = np.array(means) - null

    def total(values, axis):
        return np.sum(values, axis=axis)

    for alternative, tail in (("greater", "p_above"), ("less", "p_below")):
        expected = stats.permutation_test(
            (shifted,), total, permutation_type="samples", n_resamples=np.inf, alternative=alternative
        )
        found = getattr(sign_flip(means, np.ones(len(means))), tail)(null)
        assert found == pytest.approx(expected.pvalue, abs=1e-12)


def test_six_groups_of_one_sign_have_the_smallest_p_value():
    test = sign_flip([0.3, 0.1, 0.25, 0.4, 0.15, 0.2], np.ones(6))
    assert 2 * test.p_above(0.0) == 2 ** (1 - 6)
    assert test.interval(0.95) == pytest.approx((0.1, 0.4))
    assert test.interval(0.99) == (-1.0, 1.0)  # no p-value reaches 0.5 %


@given(GROUPS, st.data())
def test_the_interval_holds_exactly_what_the_test_does_not_reject(means, data):
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=len(means), max_size=len(means)))
    sums = np.array(means) / 20 * sizes
    test = sign_flip(sums, sizes)
    low, high = test.interval(0.9)
    null = data.draw(st.floats(-0.999, 0.999))
    rejected = test.p_above(null) <= 0.05 or test.p_below(null) <= 0.05
    if abs(null - low) > 1e-9 and abs(null - high) > 1e-9:
        assert rejected == (null < low or null > high)
    assert low <= sums.sum() / sum(sizes) <= high


@given(GROUPS, st.integers(1, 5))
def test_permuted_groups_change_nothing_and_swapped_arms_negate(means, turn):
    sizes = np.arange(1, len(means) + 1)
    sums = np.array(means) / 20 * sizes
    low, high = sign_flip(sums, sizes).interval(0.95)
    assert sign_flip(np.roll(sums, turn), np.roll(sizes, turn)).interval(0.95) == pytest.approx((low, high))
    assert sign_flip(-sums, sizes).interval(0.95) == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    ("sums", "sizes"), [([0.1] * 5, [1] * 5), ([0.1] * 17, [1] * 17), ([0.1] * 6, [0] * 6)]
)
def test_what_it_cannot_test(sums, sizes):
    with pytest.raises(ValueError, match="group"):
        sign_flip(sums, sizes)
