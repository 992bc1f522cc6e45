"""Seeded simulations of the two questions: level, coverage and power, on these groups and on others."""

from __future__ import annotations

import math

import numpy as np
import pytest

from insource.evaluation.comparison.questions import on_documents, on_groups
from insource.foundation.rng import generator
from insource.stats.power import t_test_n, variance_interval

QUICK, FULL = 400, 4000
SIZES = pytest.mark.parametrize("runs", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)])
MARGIN = 0.05


def ceiling(level, runs):
    return level + 3 * math.sqrt(level * (1 - level) / runs)


def drawn(random, gains, losses, sizes):
    """Differences of documents by group, from the chances of a gain and of a loss in each group."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    chance = random.random(len(groups))
    lost = np.asarray(losses)[groups]
    values = np.where(chance < lost, -1.0, np.where(chance < lost + np.asarray(gains)[groups], 1.0, 0.0))
    return values, [str(group) for group in groups]


FIXED = {
    "alike": ([0.1] * 6, [0.1] * 6, [20] * 6),
    "opposite": ([0.3, 0.3, 0.3, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.3, 0.3, 0.3], [20] * 6),
    "unequal sizes": ([0.4, 0.05, 0.05], [0.0, 0.15, 0.15], [20, 40, 40]),
}


@SIZES
@pytest.mark.parametrize("case", FIXED)
def test_on_these_groups_equal_arms_are_rarely_told_apart(runs, case):
    """The groups differ, and the arms are equal over these groups as given."""
    gains, losses, sizes = FIXED[case]
    assert np.dot(np.subtract(gains, losses), sizes) == pytest.approx(0.0)
    random, wrong = generator(20261128, f"fixed.{case}"), 0
    for _ in range(runs):
        values, groups = drawn(random, gains, losses, sizes)
        wrong += on_documents(values, groups, "accuracy", 0.95).gain.p_value < 0.05
    assert wrong / runs <= ceiling(0.05, runs)


@SIZES
@pytest.mark.parametrize("case", FIXED)
def test_on_these_groups_a_loss_of_the_margin_is_rarely_not_worse_and_intervals_cover(runs, case):
    gains, losses, sizes = FIXED[case]
    losses = [loss + MARGIN for loss in losses]
    random, wrong, covered = generator(20261128, f"margin.{case}"), 0, 0
    for _ in range(runs):
        values, groups = drawn(random, gains, losses, sizes)
        low, high = on_documents(values, groups, "accuracy", 0.95).gain.interval
        wrong += low > -MARGIN
        covered += low <= -MARGIN <= high
    assert wrong / runs <= ceiling(0.025, runs)
    assert covered / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


def to_come(random, groups, mean, spread, sizes):
    """Documents of groups drawn from all groups: each has its own chance of a loss."""
    true = np.clip(random.normal(mean, spread, groups), -0.4, 0.4)
    return drawn(random, np.clip(0.1 + true, 0, 1), np.full(groups, 0.1) - np.minimum(0.1 + true, 0), sizes)


@SIZES
@pytest.mark.parametrize("test", ["cluster t", "sign flip"])
@pytest.mark.parametrize("groups", [6, 12])
def test_on_groups_to_come_the_level_holds(runs, test, groups):
    """Equal arms are rarely told apart, and the document test of the other question errs far more often."""
    random, wrong, mixed = generator(20261128, f"level.{test}.{groups}"), 0, 0
    for _ in range(runs):
        values, names = to_come(random, groups, 0.0, 0.15, random.integers(30, 60, groups))
        p_value = on_groups(values, names, test, 0.95).gain.p_value
        wrong += p_value is not None and p_value <= 0.05
        mixed += on_documents(values, names, "accuracy", 0.95).gain.p_value < 0.05
    assert wrong / runs <= ceiling(0.05, runs)
    assert mixed / runs > 0.2


@SIZES
@pytest.mark.parametrize("test", ["cluster t", "sign flip"])
@pytest.mark.parametrize("groups", [8, 16])
def test_on_groups_to_come_intervals_cover_and_keep_the_margin(runs, test, groups):
    random, wrong, covered = generator(20261128, f"groups.{test}.{groups}"), 0, 0
    for _ in range(runs):
        values, names = to_come(random, groups, -MARGIN, 0.08, random.integers(15, 30, groups))
        low, high = on_groups(values, names, test, 0.95).gain.interval
        covered += low <= -MARGIN <= high
        wrong += low > -MARGIN
    assert covered / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)
    assert wrong / runs <= ceiling(0.025, runs)


@SIZES
@pytest.mark.parametrize(("spread", "distance"), [(0.1, 0.1), (0.15, 0.1), (0.05, 0.1)])
def test_the_required_groups_decide_with_the_stated_power(runs, spread, distance):
    groups = t_test_n(spread**2, distance)
    random, decided = generator(20261128, f"power.{spread}"), 0
    for _ in range(runs):
        means = random.normal(distance, spread, groups).clip(-1, 1)
        found = on_groups(np.repeat(means, 2), [str(i // 2) for i in range(2 * groups)], "cluster t", 0.95)
        decided += found.gain.interval is not None and found.gain.interval.low > 0
    power = decided / runs
    assert power >= 0.8 - 3 * math.sqrt(0.8 * 0.2 / runs)
    if groups >= 6:
        assert power <= 0.92  # and not with far more groups than it takes


@SIZES
def test_the_required_documents_decide_with_the_stated_power(runs):
    random, gain, loss = generator(20261128, "documents"), 0.06, 0.05
    # From the truth: the distance to the margin is gain - loss + margin.
    variance = gain + loss - (gain - loss) ** 2
    needed = t_test_n(variance, gain - loss + MARGIN)
    decided = 0
    for _ in range(runs):
        values, groups = drawn(random, [gain], [loss], [needed])
        decided += on_documents(values, groups, "accuracy", 0.95).gain.interval.low > -MARGIN
    assert decided / runs >= 0.75


@SIZES
def test_the_range_of_the_required_groups_holds_the_true_number_as_often_as_it_says(runs):
    """The range is that of an 80 % interval of the variance; the distance is taken as given."""
    spread, truth = 0.1, t_test_n(0.1**2, 0.1)
    random, held = generator(20261128, "range"), 0
    for _ in range(runs):
        variance = float(np.var(random.normal(0, spread, 8), ddof=1))
        low, high = (t_test_n(end, 0.1) for end in variance_interval(variance, 7))
        held += low <= truth <= high
    assert held / runs >= 0.8 - 3 * math.sqrt(0.8 * 0.2 / runs)
