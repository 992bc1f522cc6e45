"""The bound on fields keeps its promise in known populations, and serves more than other bounds that do."""

from __future__ import annotations

import pytest
from support.field_bounds import (
    DELTA,
    Documents,
    bernstein,
    by,
    mixture,
    naive,
    plug_in,
    pooled_binomial,
    simulate,
)

from insource.foundation.rng import generator
from insource.stats.learn_then_test import ltt_ratio_threshold

POPULATIONS = {
    "errors come together": Documents(0.17, 0.82, 0.8),
    "all fields or none": Documents(0.17, 0.82, 1.0, 0.0),
    "errors hardly come together": Documents(0.4, 0.8, 0.25, 0.02),
    "one field": Documents(0.17, 0.82, 1.0, 0.0, fewest=1, fullest=1, most=1),
    "just above the bound everywhere": Documents(1.0, 0.6, 0.105),
    "as full as stated": Documents(0.17, 0.82, 0.8, fewest=16, fullest=16),
}
CELLS = [(100, 0.1), (325, 0.1), (2000, 0.1), (325, 0.05), (2000, 0.05)]
DRAWS = pytest.mark.parametrize("draws", [60, pytest.param(1000, marks=pytest.mark.slow)])
WAYS = {"mixture": by(mixture), "plug-in": by(plug_in), "bernstein": by(bernstein)}


def product(confidence, wrong, counted, most, bound):
    return ltt_ratio_threshold(confidence, wrong, counted, most, bound, DELTA)


def measured(name, n, bound, draws, ways):
    random = generator(20261128, f"fields.{name}.{n}.{bound}")
    return simulate(POPULATIONS[name], n, bound, draws, random, ways)


@DRAWS
@pytest.mark.parametrize(("n", "bound"), CELLS)
@pytest.mark.parametrize("name", POPULATIONS)
def test_the_promise_is_broken_in_at_most_delta_of_the_draws(name, n, bound, draws):
    found = measured(name, n, bound, draws, {"product": product})["product"]
    assert found.least_violation_rate <= DELTA


@DRAWS
@pytest.mark.parametrize("naively", [naive, by(pooled_binomial)], ids=["threshold", "fields as trials"])
def test_what_a_naive_threshold_does_on_the_same_draws(naively, draws):
    """It breaks the promise far more often than it says, where the errors of a document come together."""
    found = measured("errors come together", 325, 0.1, draws, {"naive": naively, "product": product})
    assert found["naive"].least_violation_rate > DELTA
    assert found["product"].least_violation_rate <= DELTA


@DRAWS
def test_bets_serve_more_than_an_empirical_bernstein_bound_and_as_much_as_adaptive_bets(draws):
    """On average over the cells; a fixed mixture needs no order of the documents."""
    cells = [
        measured(name, n, 0.1, draws, WAYS)
        for name in ("errors come together", "errors hardly come together", "one field")
        for n in (325, 1000)
    ]
    mean = {way: sum(cell[way].coverage for cell in cells) / len(cells) for way in WAYS}
    assert mean["mixture"] > mean["bernstein"] + 0.1
    assert mean["mixture"] > mean["plug-in"] - 0.05
    assert all(cell["mixture"].least_violation_rate <= DELTA for cell in cells)
