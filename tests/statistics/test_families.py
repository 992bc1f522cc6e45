"""Seeded simulations of several comparisons: family-wise error, joint coverage, false discoveries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from insource.foundation.rng import generator
from insource.stats.multiplicity import benjamini_hochberg, simultaneous
from insource.stats.paired import paired_binary, paired_mean

QUICK, FULL = 300, 4000
SIZES = pytest.mark.parametrize("runs", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)])
MARGIN, N = 0.05, 150
# The true gains over the cloud: equal, certainly better, certainly worse, and exactly at the margin.
TRUTHS = {
    "all equal": np.zeros(10),
    "all at the margin": np.full(10, -MARGIN),
    "some better": np.repeat([0.0, 0.2], [6, 4]),
    "mixed": np.array([0.0, 0.0, 0.0, 0.15, 0.15, -0.2, -0.2, -MARGIN, -MARGIN, -MARGIN]),
}


def arms_against_one_cloud(random, truths):
    """Differences of arms that share the cloud's answers, so that their errors are correlated."""
    cloud_right = random.random(N) < 0.75
    found = []
    for truth in truths:
        # The arm is right where the cloud is wrong with ``won``, and wrong where it is right with ``lost``.
        lost = 0.12
        won = (0.75 * lost + truth) / 0.25
        if not 0 <= won <= 1:
            won, lost = np.clip(won, 0, 1), (0.25 * np.clip(won, 0, 1) - truth) / 0.75
        chance = random.random(N)
        found.append(np.where(cloud_right, -(chance < lost).astype(float), (chance < won).astype(float)))
    return found


def false_claim(truth, one):
    """Whether what is said of an arm is false, at any of the three questions."""
    low = one.interval.low
    return (
        (one.better and truth <= 0)
        or (one.worse and truth >= 0)
        or (not one.better and low > -MARGIN and truth <= -MARGIN)
    )


@SIZES
@pytest.mark.parametrize("case", TRUTHS)
def test_no_false_claim_and_no_uncovered_difference_in_the_whole_family(runs, case):
    truths, random = TRUTHS[case], generator(20261128, f"family.{case}")
    wrong, covered = 0, 0
    for _ in range(runs):
        tests = [paired_binary(values).test for values in arms_against_one_cloud(random, truths)]
        found = simultaneous(tests, MARGIN, 0.05)
        wrong += any(false_claim(truth, one) for truth, one in zip(truths, found, strict=True))
        covered += all(
            one.interval.low <= truth <= one.interval.high for truth, one in zip(truths, found, strict=True)
        )
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert covered / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


@SIZES
def test_without_a_correction_the_best_of_twenty_equal_arms_often_looks_better(runs):
    """So the best arm on the test split is exploratory; chosen on validation it keeps its level on test."""
    random, naive, chosen = generator(20261128, "twenty"), 0, 0
    for _ in range(runs):
        validation, test = (arms_against_one_cloud(random, np.zeros(20)) for _ in range(2))
        naive += max(paired_binary(values).interval.low for values in test) > 0
        best = int(np.argmax([values.mean() for values in validation]))
        chosen += paired_binary(test[best]).interval.low > 0
    assert naive / runs > 0.15
    assert chosen / runs <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / runs)


@SIZES
def test_holm_finds_more_than_bonferroni(runs):
    random, holm, bonferroni = generator(20261128, "gain"), 0, 0
    truths = TRUTHS["some better"]
    for _ in range(runs):
        tests = [paired_binary(values).test for values in arms_against_one_cloud(random, truths)]
        holm += sum(one.better for one in simultaneous(tests, MARGIN, 0.05))
        bonferroni += sum(test.interval(1 - 0.05 / len(tests)).low > 0 for test in tests)
    assert holm > bonferroni


@SIZES
def test_few_of_the_possible_regressions_are_none(runs):
    """Twenty slices, five of them with a loss: the mean share of false discoveries is at most 5 %."""
    random, shares, found_losses = generator(20261128, "slices"), [], 0
    truths = np.repeat([0.0, -0.12], [15, 5])
    for _ in range(runs):
        p_values = []
        for truth in truths:
            values = np.where(random.random(80) < 0.6, random.normal(truth, 0.3, 80), 0).clip(-1, 1)
            p_values.append(paired_mean(values).p_value)
        discovered = benjamini_hochberg(p_values) <= 0.05
        shares.append((discovered & (truths == 0)).sum() / max(1, discovered.sum()))
        found_losses += (discovered & (truths < 0)).sum()
    assert np.mean(shares) <= 0.05 + 3 * np.std(shares) / math.sqrt(runs)
    assert found_losses > 0.3 * 5 * runs
