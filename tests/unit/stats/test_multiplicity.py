"""Corrections against statsmodels; the simultaneous intervals agree with Holm's decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.risk_control.fwer_control import control_fwer
from statsmodels.stats.multitest import multipletests

from insource.stats.multiplicity import benjamini_hochberg, holm, simultaneous
from insource.stats.paired import paired_binary

P_VALUES = [
    [0.04],
    [0.01, 0.04, 0.03, 0.005],
    [0.5, 0.5, 1.0, 0.0],
    [0.001] * 14,
    [*np.linspace(1, 0.002, 14)],
]
COUNTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6)


@pytest.mark.parametrize("p_values", P_VALUES)
def test_corrections_agree_with_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])


def paired_tests(counts):
    return [paired_binary([1.0] * a + [-1.0] * b + [0.0] * (100 - a - b)).test for a, b in counts]


@pytest.mark.parametrize("p_values", P_VALUES)
@pytest.mark.parametrize("level", [0.02, 0.05, 0.2])
def test_holm_rejects_what_the_graph_of_mapie_rejects(p_values, level):
    rejected = np.flatnonzero(holm(p_values) <= level)
    assert rejected.tolist() == sorted(control_fwer(p_values, level, "bonferroni_holm").tolist())


@given(COUNTS)
def test_the_intervals_and_the_p_values_decide_alike(counts):
    tests = paired_tests(counts)
    margin, alpha = 0.05, 0.05
    found = simultaneous(tests, margin, alpha)
    above = holm([test.p_above(0.0) for test in tests])
    for one, test, adjusted in zip(found, tests, above, strict=True):
        low, high = one.interval
        assert one.better == (adjusted <= alpha / 2)
        assert one.better == (one.p_value <= alpha and low >= 0 and high > 0)
        assert one.worse == (one.p_value <= alpha and high <= 0 and low < 0)
        assert one.better or one.worse or low < 0 < high
        if abs(one.p_not_worse - alpha / 2) > 1e-9:
            assert (low > -margin) == (one.p_not_worse < alpha / 2)
        # A correction never makes anything more certain.
        assert one.p_value >= min(1.0, 2 * min(test.p_above(0.0), test.p_below(0.0))) - 1e-12
        assert one.p_not_worse >= test.p_above(-margin) - 1e-12


@pytest.mark.parametrize(
    "counts", [[(30, 8), (20, 6), (18, 7)], [(16, 5), (30, 8)], [(9, 9), (3, 1), (22, 8)]]
)
def test_better_is_what_holm_rejects_in_statsmodels(counts):
    tests = paired_tests(counts)
    rejected = multipletests([test.p_above(0.0) for test in tests], alpha=0.025, method="holm")[0]
    assert [one.better for one in simultaneous(tests, 0.02, 0.05)] == rejected.tolist()


def test_one_comparison_needs_no_correction():
    (test,) = paired_tests([(30, 10)])
    (found,) = simultaneous([test], 0.02, 0.05)
    assert found.interval == pytest.approx(test.interval(0.95))
    assert found.p_value == pytest.approx(paired_binary([1.0] * 30 + [-1.0] * 10 + [0.0] * 60).p_value)


def test_where_all_are_rejected_the_intervals_say_how_large_the_differences_are():
    tests = paired_tests([(40, 2), (39, 1), (38, 0)])
    for one, test in zip(simultaneous(tests, 0.02, 0.05), tests, strict=True):
        assert one.interval.low == pytest.approx(test.interval(1 - 0.05 / 3).low)
        assert one.interval.low > 0


def test_what_shows_nothing_still_counts():
    (test,) = paired_tests([(16, 5)])
    assert simultaneous([test], 0.02, 0.05)[0].better
    found = simultaneous([test, None, None], 0.02, 0.05)
    assert not found[0].better
    assert (found[1].interval, found[1].p_value) == (None, 1.0)


def test_no_p_value_at_all():
    assert simultaneous([], 0.02, 0.05) == []
    assert np.asarray(holm([])).size == 0
