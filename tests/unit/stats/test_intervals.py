"""Intervals against their published values, statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from insource.foundation.rng import generator
from insource.stats.intervals import (
    clopper_pearson,
    cluster_mean_t,
    cluster_ratio_t,
    mean_t,
    mover_difference,
    poisson,
    quantile_interval,
    rule_of_three,
    wilson,
)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (1, 10), (7, 30), (99, 100), (500, 1000), (10, 10)])
def test_rates_agree_with_statsmodels(successes, n):
    assert wilson(successes, n) == pytest.approx(proportion_confint(successes, n, method="wilson"), abs=1e-9)
    assert clopper_pearson(successes, n) == pytest.approx(
        proportion_confint(successes, n, method="beta"), abs=1e-9
    )


@pytest.mark.parametrize(("n", "bound"), [(30, 0.095), (100, 0.030), (300, 0.010)])
def test_rule_of_three(n, bound):
    assert rule_of_three(n) == pytest.approx(bound, abs=5e-4)


@pytest.mark.parametrize("events", [0, 1, 2, 7, 30, 400])
def test_a_count_agrees_with_scipy(events):
    low, high = poisson(events)
    # The exact ends leave half of the error to each tail.
    assert stats.poisson.cdf(events, high) == pytest.approx(0.025, abs=1e-9)
    assert low == 0 if not events else stats.poisson.sf(events - 1, low) == pytest.approx(0.025, abs=1e-9)


def test_a_count_is_not_negative():
    with pytest.raises(ValueError, match="not negative"):
        poisson(-1)


def test_mean_t_agrees_with_scipy():
    values = generator(1, "test.mean").normal(0.9, 0.1, 40)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_t(values) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_cluster_mean_t_agrees_with_statsmodels():
    draw = generator(2, "test.cluster")
    clusters = np.repeat(np.arange(12), 5)
    values = draw.normal(0, 1, 12)[clusters] + draw.normal(0, 1, 60)
    # statsmodels' small-sample factor is C/(C-1) * (n-1)/(n-k), and k = 1 here.
    fit = sm.OLS(values, np.ones(60)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "df_correction": True}, use_t=True
    )
    assert cluster_mean_t(values, list(clusters)) == pytest.approx(tuple(fit.conf_int()[0]), abs=1e-9)


def test_one_document_a_cluster_is_the_plain_t():
    values = generator(3, "test.single").random(25)
    assert cluster_mean_t(values, list(range(25))) == pytest.approx(mean_t(values), abs=1e-12)


def test_a_ratio_of_constant_denominators_is_a_mean():
    values = generator(4, "test.ratio").random(25)
    assert cluster_ratio_t(4 * values, np.full(25, 4.0)) == pytest.approx(mean_t(values), abs=1e-12)


@pytest.mark.parametrize(
    ("values", "clusters"), [([], None), ([0.5], None), ([1.0] * 9, None), ([0.1, 0.9, 0.4], ["a"] * 3)]
)
def test_no_interval_without_variation_or_with_one_unit(values, clusters):
    assert cluster_mean_t(values, clusters) is None


def test_a_ratio_without_denominator_has_no_interval():
    assert cluster_ratio_t([0, 0], [0, 0]) is None


@pytest.mark.parametrize(("quantile", "needed"), [(0.5, 6), (0.95, 72)])
def test_quantiles_need_enough_values(quantile, needed):
    assert quantile_interval(np.arange(needed - 1), quantile) is None
    assert quantile_interval(np.arange(needed), quantile) is not None


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_the_quantile_interval_has_exact_order_statistic_coverage(quantile):
    low, high = quantile_interval(np.arange(1, 201), quantile)  # the values are their own ranks
    covered = stats.binom.cdf(high - 1, 200, quantile) - stats.binom.cdf(low - 1, 200, quantile)
    narrower = stats.binom.cdf(high - 2, 200, quantile) - stats.binom.cdf(low - 1, 200, quantile)
    assert covered >= 0.95
    assert narrower < covered
    assert stats.binom.cdf(low, 200, quantile) > 0.025  # the next rank up would leave too much below


@pytest.mark.parametrize(
    ("first", "second"), [((45, 50), (38, 60)), ((3, 40), (0, 25)), ((50, 50), (41, 50))]
)
def test_the_difference_of_two_wilson_intervals_is_newcombes(first, second):
    ends = [wilson(*counts) for counts in (first, second)]
    values = [successes / n for successes, n in (first, second)]
    found = mover_difference(values[0], ends[0], values[1], ends[1])
    wanted = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
    assert found == pytest.approx(wanted, abs=1e-9)
