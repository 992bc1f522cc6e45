"""The frontier of coverage against bound, and what a bound costs that is picked from it."""

from __future__ import annotations

import numpy as np
import pytest

from insource.foundation.rng import generator
from insource.routing.bounds.frontier import BOUNDS, frontier, pickable
from insource.routing.bounds.losses import Counted, judged
from insource.routing.cascade import fit_bound


def calibration(n=400, loss="documents", most=1):
    random = generator(20261128, f"frontier.{loss}")
    sure = random.random(n)
    wrong = random.binomial(most, 0.3 * (1 - sure) ** 2)
    return judged(loss, [Counted(float(s), int(w), most) for s, w in zip(sure, wrong, strict=True)], most)


def policy(known, max_error=0.1, choices=1, n=400):
    return fit_bound(known, n=n, max_error=max_error, delta=0.05, on_infeasible="cloud", choices=choices)


@pytest.mark.parametrize(("loss", "most"), [("documents", 1), ("fields", 8)])
def test_the_chosen_point_is_on_the_frontier_and_picking_costs_coverage(loss, most):
    found = policy(calibration(loss=loss, most=most))
    assert [one.max_error for one in found.frontier] == list(BOUNDS)
    at = next(one for one in found.frontier if one.max_error == 0.1)
    assert (at.threshold, at.share) == (found.threshold, found.expected_local_share)
    assert all(one.corrected_share <= one.share + 1e-9 for one in found.frontier if one.threshold is not None)
    assert sum(one.corrected_share for one in found.frontier) < sum(one.share for one in found.frontier)
    assert np.all(np.diff([one.corrected_share for one in found.frontier]) >= 0)


def test_a_bound_that_was_picked_is_tested_at_its_part_of_delta():
    known = calibration()
    picked = policy(known, choices=30)
    at = next(one for one in picked.frontier if one.max_error == 0.1)
    assert picked.threshold == known.threshold(0.1, 0.05 / 30)
    assert picked.threshold >= at.corrected_threshold
    assert picked.expected_local_share < policy(known).expected_local_share
    assert "counts as one of 30 that could be picked" in picked.reason


def test_a_picked_bound_stands_on_the_next_stricter_point():
    assert [pickable(bound) for bound in (0.005, 0.01, 0.125, 0.9)] == [None, 0.01, 0.12, 0.3]


def test_a_document_fuller_than_stated_has_no_frontier():
    known = judged("fields", [Counted(0.9, 0, 5)] * 40, 4)
    assert frontier(known, 0.05, n=40) == ()
    assert policy(known, n=40).basis == "infeasible"


def test_the_share_of_what_is_counted_is_of_fields_and_not_of_documents():
    found = [Counted(0.9, 0, 8)] * 100 + [Counted(0.1, 2, 2)] * 80
    at = next(one for one in policy(judged("fields", found, 16), n=180).frontier if one.max_error == 0.1)
    assert at.share == pytest.approx(100 / 180)
    assert at.fields == pytest.approx(800 / 960)
