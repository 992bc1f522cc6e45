"""A bound picked from the frontier promises too much as it stands, and not once it is corrected."""

from __future__ import annotations

import numpy as np
import pytest
from support.bound_starts import DELTA, Binormal

from insource.foundation.rng import generator
from insource.routing.bounds.frontier import BOUNDS, frontier
from insource.routing.bounds.losses import Counted, judged
from insource.stats.intervals import clopper_pearson

POPULATION = Binormal(0.7, 0.2)
N = 200
DRAWS = pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.slow)])


def points(random):
    confidence, wrong = POPULATION.draw(random, N)
    found = [Counted(float(sure), float(lost), 1) for sure, lost in zip(confidence, wrong, strict=True)]
    return frontier(judged("documents", found, 1), DELTA, n=N)


def broken(bound, threshold):
    return threshold is not None and POPULATION.above(threshold)[0] > bound


@DRAWS
def test_points_hold_one_by_one_and_only_corrected_ones_together(draws):
    """So whoever picks the strictest that can be shown, as people do, breaks the promise too often."""
    random = generator(20261128, "picked")
    strictest = together = corrected = 0
    for _ in range(draws):
        shown = points(random)
        first = next((one for one in shown if one.threshold is not None), None)
        strictest += first is not None and broken(first.max_error, first.threshold)
        together += any(broken(one.max_error, one.threshold) for one in shown)
        corrected += any(broken(one.max_error, one.corrected_threshold) for one in shown)
    assert clopper_pearson(int(strictest), draws).low > DELTA
    assert clopper_pearson(together, draws).low > DELTA
    assert clopper_pearson(corrected, draws).low <= DELTA


def test_a_point_that_was_fixed_beforehand_holds_as_it_is():
    random = generator(20261128, "fixed")
    at = BOUNDS.index(0.15)
    failed = sum(broken(0.15, points(random)[at].threshold) for _ in range(150))
    assert clopper_pearson(failed, 150).low <= DELTA


def test_the_population_is_as_stated():
    confidence, wrong = POPULATION.draw(generator(20261128, "picked population"), 200_000)
    assert wrong.mean() == pytest.approx(0.2, abs=0.005)
    assert np.isfinite(confidence).all()
