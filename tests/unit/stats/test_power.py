"""Sample sizes against the published table (80 % power, alpha 0.05)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from insource.foundation.rng import generator
from insource.stats.paired import paired_binary
from insource.stats.power import (
    design_effect,
    mean_difference_n,
    noninferiority_n,
    paired_binary_n,
    paired_binary_power,
    rule_of_three_n,
    smallest_gap,
    superiority_n,
    t_test_n,
    variance_df,
    variance_interval,
)


@pytest.mark.parametrize(
    ("q", "gap", "n"),
    [(0.05, 0.02, 979), (0.10, 0.02, 1960), (0.20, 0.03, 1742), (0.05, 0.05, 155), (0.20, 0.10, 155)],
)
def test_superiority(q, gap, n):
    assert superiority_n(q, gap) == n


@pytest.mark.parametrize(
    ("q", "margin", "n"), [(0.05, 0.01, 3092), (0.10, 0.02, 1546), (0.20, 0.03, 1374), (0.20, 0.05, 495)]
)
def test_noninferiority(q, margin, n):
    assert noninferiority_n(q, margin) == n


@pytest.mark.parametrize(("q", "n", "gap"), [(0.10, 100, 0.088), (0.05, 200, 0.044), (0.20, 1000, 0.040)])
def test_smallest_gap(q, n, gap):
    assert smallest_gap(q, n) == pytest.approx(gap, abs=5e-4)
    assert superiority_n(q, smallest_gap(q, n)) in (n, n + 1)


def test_a_gap_beyond_the_disagreement_does_not_exist():
    assert smallest_gap(0.05, 100) is None
    with pytest.raises(ValueError, match="gap"):
        superiority_n(0.05, 0.10)


def test_mean_difference_grows_with_the_design_effect():
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert mean_difference_n(0.04, 0.02) == math.ceil(z * z * 0.04 / 0.0004)
    effect = design_effect(5, 0.25)
    assert effect == 2.0
    assert mean_difference_n(0.04, 0.02, design_effect=effect) == math.ceil(2 * z * z * 0.04 / 0.0004)


def test_rule_of_three_n_is_the_first_that_suffices():
    n = rule_of_three_n(0.05)
    assert 0.95**n < 0.05 <= 0.95 ** (n - 1)


@pytest.mark.parametrize(("sd", "distance"), [(0.1, 0.1), (0.2, 0.1), (0.3, 0.05), (0.05, 0.2)])
def test_units_by_t_agree_with_statsmodels(sd, distance):
    expected = TTestPower().solve_power(distance / sd, alpha=0.025, power=0.8, alternative="larger")
    assert t_test_n(sd**2, distance) == max(2, math.ceil(expected))


def test_few_units_pay_for_the_tails_of_t():
    assert t_test_n(0.04, 0.2) > mean_difference_n(0.04, 0.2)
    assert t_test_n(1.0, 0.02) == mean_difference_n(1.0, 0.02)  # thousands: t is normal


def test_the_range_of_a_variance():
    low, high = variance_interval(2.0, 5, 0.8)
    assert (low, high) == pytest.approx((2.0 * 5 / stats.chi2.ppf(0.9, 5), 2.0 * 5 / stats.chi2.ppf(0.1, 5)))


def test_the_variance_of_rare_differences_is_worth_few_values():
    rare = np.repeat([1.0, -1.0, 0.0], [5, 5, 990])
    assert variance_df(rare) == pytest.approx(20, rel=0.03)
    normal = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    assert variance_df(normal) == pytest.approx(1000, rel=0.03)


@pytest.mark.parametrize("variance", [0.0, -1.0])
def test_without_variance_there_is_no_sample_size(variance):
    with pytest.raises(ValueError, match="variance"):
        t_test_n(variance, 0.1)


@pytest.mark.parametrize(("q", "gain"), [(0.05, 0.0), (0.2, 0.0), (0.2, -0.03), (0.1, 0.04)])
def test_the_exact_power_is_how_often_the_test_rejects(q, gain):
    """1,500 draws of 200 documents: the share of intervals above the margin, within four standard errors."""
    random, margin, n = generator(0, f"power {q} {gain}"), 0.06, 200
    cells = [(q + gain) / 2, (q - gain) / 2, 1 - q]
    above = 0
    for wins, losses, same in random.multinomial(n, cells, size=1500):
        found = paired_binary(np.repeat([1.0, -1.0, 0.0], [wins, losses, same]))
        above += found.interval.low > -margin
    expected = paired_binary_power(q, gain, margin, n)
    error = np.sqrt(expected * (1 - expected) / 1500)
    assert above / 1500 == pytest.approx(expected, abs=4 * error + 1e-3)


@pytest.mark.parametrize(("q", "margin"), [(0.05, 0.05), (0.1, 0.02), (0.2, 0.03)])
def test_the_documents_for_a_power_have_it(q, margin):
    needed = paired_binary_n(q, 0.0, margin)
    assert paired_binary_power(q, 0.0, margin, needed) >= 0.8
    assert paired_binary_power(q, 0.0, margin, int(0.9 * needed)) < 0.8
    # The exact test is more cautious than the formula for large samples, and not by much.
    assert noninferiority_n(q, margin, 0.025) <= needed <= 1.5 * noninferiority_n(q, margin, 0.025) + 20


def test_a_loss_of_the_margin_is_never_shown_to_be_none():
    assert paired_binary_n(0.2, -0.05, 0.05) is None
    with pytest.raises(ValueError, match="at most q"):
        paired_binary_power(0.1, 0.2, 0.05, 100)
