"""Seeded simulations of the break point: its interval covers, and equal arms seldom have one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from insource.evaluation.comparison.break_point import bins_of, locate
from insource.foundation.rng import generator

RUNS = pytest.mark.parametrize("runs", [25, pytest.param(400, marks=pytest.mark.slow)])
MARGIN = 0.05
# The chance of a loss at a difficulty between 0 and 1, and where the difference crosses minus the margin.
CURVES = {
    "a step between bins": (lambda x: np.where(x > 0.6, 0.4, 0.0), 0.6),
    "a step inside a bin": (lambda x: np.where(x > 0.47, 0.4, 0.0), 0.47),
    "a slope": (lambda x: 0.5 * expit((x - 0.8) / 0.08), 0.8 + 0.08 * math.log(0.05 / 0.45)),
}


def located(random, curve, n, clusters=None):
    difficulty = random.random(n)
    lost, won = random.random(n) < curve(difficulty) + 0.03, random.random(n) < 0.03
    gains = won.astype(float) - lost
    bins = bins_of(difficulty)
    return locate(difficulty, gains, bins, clusters, MARGIN, 0.05, seed=1)


@RUNS
@pytest.mark.parametrize("curve", CURVES)
def test_the_interval_holds_the_true_break_point(runs, curve):
    shape, truth = CURVES[curve]
    random = generator(20261128, f"break.{curve}")
    found = [one.at for _ in range(runs) if (one := located(random, shape, 1000)).status == "found"]
    assert len(found) > 0.7 * runs
    covered = sum(at.low <= truth <= at.high for at in found)
    assert covered / len(found) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / len(found))


@RUNS
def test_equal_arms_seldom_have_a_break_point(runs):
    random = generator(20261128, "no break")
    found = [located(random, lambda x: 0 * x, 1000).status for _ in range(runs)]
    assert found.count("found") / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert "below throughout" not in found
