"""Paired differences against published numbers and scipy; interval and test in step."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

from insource.stats.paired import mcnemar_exact, mcnemar_interval, paired_binary, paired_mean, tango


@pytest.mark.parametrize(("first", "second"), [(0, 0), (5, 0), (1, 9), (12, 12), (40, 21)])
def test_mcnemar_agrees_with_statsmodels(first, second):
    expected = 1.0 if first + second == 0 else mcnemar([[0, first], [second, 0]], exact=True).pvalue
    assert mcnemar_exact(first, second) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "n"), [(12, 4, 100), (5, 0, 6), (1, 0, 9), (0, 3, 50), (86, 150, 1600)]
)
def test_the_ends_of_the_score_interval_are_where_the_score_test_rejects(first, second, n):
    """The likelihood under a given difference is maximised by search, not by the closed form."""

    def score(difference):
        low = max(0.0, -difference) + 1e-12
        found = optimize.minimize_scalar(
            lambda share: (
                -first * np.log(share + difference)
                - second * np.log(share)
                - (n - first - second) * np.log(max(1 - 2 * share - difference, 1e-300))
            ),
            bounds=(low, (1 - difference) / 2 - 1e-12),
            method="bounded",
            options={"xatol": 1e-12},
        )
        return (first - second - n * difference) / np.sqrt(n * (2 * found.x + difference - difference**2))

    low, high = tango(first, second, n)
    assert score(low) == pytest.approx(stats.norm.ppf(0.975), abs=1e-3)
    assert score(high) == pytest.approx(-stats.norm.ppf(0.975), abs=1e-3)
    assert tango(second, first, n) == pytest.approx((-high, -low))


def test_where_every_document_differs_it_is_the_plain_t():
    values = np.array([0.1, 0.2, -0.1, 0.3, 0.25, -0.05])
    expected = stats.ttest_1samp(values, 0)
    result = paired_mean(values)
    assert result.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), abs=1e-9)
    assert result.p_value == pytest.approx(expected.pvalue, abs=1e-9)


@pytest.mark.parametrize("compare", [paired_binary, paired_mean])
def test_no_difference_is_bounded_and_never_certain(compare):
    result = compare(np.zeros(100))
    assert result.interval == pytest.approx((-0.0362, 0.0362), abs=1e-4)
    assert result.p_value == 1.0


@pytest.mark.parametrize(
    ("compare", "n"), [*((paired_binary, n) for n in range(2, 12)), *((paired_mean, n) for n in (2, 9, 100))]
)
def test_the_same_gain_everywhere_is_exact_mcnemar(compare, n):
    """Equal systems that always differ all win with probability 2^-n, and all lose with as much."""
    result, expected = compare(np.ones(n)), stats.binomtest(n, n, 0.5)
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.interval.low == pytest.approx(2 * expected.proportion_ci(0.95, "exact").low - 1)
    assert result.interval.high == pytest.approx(1.0)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_p_value_is_that_of_exact_mcnemar_wherever_it_could_decide(first, second):
    """Far in the tail the score test is the more cautious: 12 wins of 12 have 0.0005 by either."""
    if first + second == 0:
        return
    exact = stats.binomtest(first, first + second, 0.5).pvalue
    found = paired_binary([1.0] * first + [-1.0] * second + [0.0] * 9).p_value
    assert found == pytest.approx(exact) if exact > 0.001 else exact * (1 - 1e-9) <= found < 0.001


@pytest.mark.parametrize(
    ("first", "second", "n"), [(5, 0, 6), (6, 1, 7), (12, 3, 40), (1, 0, 9), (40, 21, 61)]
)
def test_the_exact_interval_by_scipy(first, second, n):
    test = stats.binomtest(first, first + second, 0.5)
    ends = test.proportion_ci(0.95, "exact")
    expected = [(2 * end - 1) * (first + second) / n for end in ends]
    interval = mcnemar_interval(first, second, n)
    assert interval == pytest.approx(expected)
    assert (interval.low > 0 or interval.high < 0) == (
        mcnemar([[0, first], [second, 0]], exact=True).pvalue < 0.05
    )


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.5, 0.999))
def test_the_score_interval_holds_the_difference_at_any_size(first, second, same, confidence):
    n = first + second + same
    low, high = tango(first, second, n, confidence)
    assert -1 <= low <= (first - second) / n <= high <= 1
    assert low < high


def test_one_group_says_nothing():
    for values in ([0.1, 0.2, 0.3], [0.2, 0.2, 0.2]):
        result = paired_mean(values, ["a", "a", "a"])
        assert result.value == pytest.approx(0.2)
        assert result.interval is None


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_more_cautious_of_the_two_tests_holds(first, second, same):
    if first + second == 0 or first + second + same < 2:
        return
    result = paired_binary([1.0] * first + [-1.0] * second + [0.0] * same)
    n = first + second + same
    assert result.p_value >= stats.binomtest(first, first + second, 0.5).pvalue * (1 - 1e-9)
    for interval in (tango(first, second, n), mcnemar_interval(first, second, n)):
        assert result.interval.low <= interval.low <= interval.high <= result.interval.high


differences = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=60)


@given(differences)
def test_binary_interval_and_test_agree(values):
    result = paired_binary(values)
    excludes_zero = result.interval.low > 0 or result.interval.high < 0
    assert excludes_zero == (result.p_value < 0.05)
    assert -1 <= result.interval.low <= result.value <= result.interval.high <= 1


@given(st.lists(st.tuples(st.integers(-12, 12), st.integers(0, 9)), min_size=2, max_size=60), st.booleans())
def test_mean_interval_and_test_agree_and_swapping_negates(pairs, grouped):
    values = np.array([d / 12 for d, _ in pairs])
    clusters = [g for _, g in pairs] if grouped else None
    result, swapped = paired_mean(values, clusters), paired_mean(-values, clusters)
    if result.interval is None:
        assert swapped.interval is None
        return
    assert (result.interval.low > 0 or result.interval.high < 0) == (result.p_value < 0.05)
    assert swapped.interval == pytest.approx((-result.interval.high, -result.interval.low), abs=1e-12)
    assert result.interval.low < result.interval.high


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60), st.floats(-0.6, 0.6))
def test_the_interval_of_rates_is_what_the_one_sided_tests_do_not_reject(first, second, same, null):
    if first + second + same < 2:
        return
    test = paired_binary([1.0] * first + [-1.0] * second + [0.0] * same).test
    low, high = test.interval(0.9)
    if min(abs(null - low), abs(null - high)) > 1e-6:
        assert (null < low) == (test.p_above(null) < 0.05)
        assert (null > high) == (test.p_below(null) < 0.05)


@given(st.lists(st.integers(-12, 12), min_size=3, max_size=40), st.floats(-0.6, 0.6))
def test_the_interval_of_means_is_what_the_one_sided_tests_do_not_reject(values, null):
    test = paired_mean(np.array(values) / 12).test
    low, high = test.interval(0.9)
    if min(abs(null - low), abs(null - high)) > 1e-6:
        assert (null < low) == (test.p_above(null) < 0.05)
        assert (null > high) == (test.p_below(null) < 0.05)


@pytest.mark.parametrize("margin", [0.02, 0.1, 0.3])
def test_equivalence_of_means_agrees_with_statsmodels(margin):
    ours = np.array([0.9, 0.7, 0.85, 0.95, 0.6, 0.75, 0.8, 1.0])
    theirs = ours - np.array([0.1, 0.2, -0.1, 0.3, 0.25, -0.05, 0.02, 0.15])
    test = paired_mean(ours - theirs).test
    expected, lower, upper = ttost_paired(ours, theirs, -margin, margin)
    assert test.p_above(-margin) == pytest.approx(lower[1], abs=1e-12)
    assert test.p_below(margin) == pytest.approx(upper[1], abs=1e-12)
    assert max(test.p_above(-margin), test.p_below(margin)) == pytest.approx(expected, abs=1e-12)


def test_cluster_t_is_the_cluster_robust_regression_of_statsmodels():
    """Where every group differs no pseudo-group is added, and the intercept's robust error is ours."""
    random = np.random.default_rng(7)
    groups = np.repeat(np.arange(9), [3, 5, 8, 4, 6, 7, 3, 9, 5])
    values = random.normal(0.1, 0.1, 9)[groups] + random.normal(0, 0.2, len(groups))
    fitted = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "df_correction": True}, use_t=True
    )
    found = paired_mean(np.clip(values, -1, 1), list(groups))
    # statsmodels multiplies the variance by (n - 1) / (n - k) too, which is 1 with one coefficient.
    assert found.error.value == pytest.approx(float(fitted.bse[0]), abs=1e-9)
    assert found.interval == pytest.approx(tuple(fitted.conf_int()[0]), abs=1e-9)
    assert found.p_value == pytest.approx(float(fitted.pvalues[0]), abs=1e-9)
