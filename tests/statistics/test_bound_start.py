"""Where the walk to a bound starts: it keeps its promise in known populations, and has power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.bound_starts import CHOSEN, DELTA, Binormal, Hard, Overconfident, family, oracle, simulate

from insource.foundation.rng import generator

TYPICAL = Binormal(0.82, 0.17)
POPULATIONS = {
    "typical": TYPICAL,
    "better ranked": Binormal(0.85, 0.16),
    "few of the surest wrong": Hard(),
    "ties": Binormal(0.85, 0.16, steps=1.5),
    "three values": Binormal(0.85, 0.16, steps=0.5),
    "overconfident": Overconfident(),
}
CELLS = [(40, 0.1), (100, 0.1), (325, 0.1), (2000, 0.1), (100, 0.05), (325, 0.05), (2000, 0.05)]
DRAWS = pytest.mark.parametrize("draws", [100, pytest.param(2000, marks=pytest.mark.slow)])


def measured(name, population, n, bound, draws, ways):
    chosen = {way: find for way, find in family(n, bound).items() if way in ways}
    return simulate(population, n, bound, draws, generator(20261128, f"start.{name}.{n}.{bound}"), chosen)


@DRAWS
@pytest.mark.parametrize(("n", "bound"), CELLS)
@pytest.mark.parametrize("name", POPULATIONS)
def test_the_promise_is_broken_in_at_most_delta_of_the_draws(name, n, bound, draws):
    found = measured(name, POPULATIONS[name], n, bound, draws, {CHOSEN})[CHOSEN]
    assert found.least_violation_rate < DELTA


@DRAWS
@pytest.mark.parametrize(("n", "bound"), [(325, 0.1), (2000, 0.05)])
def test_one_error_among_the_surest_ends_nothing(n, bound, draws):
    """The start at the smallest set that can pass served a third of what is possible, or less."""
    before = "no error, then percents (as before)"
    found = measured("typical", TYPICAL, n, bound, draws, {CHOSEN, before})
    gained = found[CHOSEN].coverage - found[before].coverage
    assert gained.mean() - 3 * np.std(gained) / math.sqrt(draws) > 0
    assert 0.6 * oracle(TYPICAL, bound) < found[CHOSEN].mean < oracle(TYPICAL, bound)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "bound"), CELLS)
@pytest.mark.parametrize("name", ["typical", "better ranked"])
def test_no_other_start_of_the_family_serves_more(name, n, bound):
    """By more than one document in a hundred, or than the simulation can tell."""
    found = measured(name, POPULATIONS[name], n, bound, 1000, family(n, bound).keys())
    for way in found.values():
        more = way.coverage - found[CHOSEN].coverage
        assert more.mean() <= max(0.01, 3 * np.std(more) / math.sqrt(1000))


def test_every_way_of_the_family_keeps_the_promise():
    """Or they could not be compared with it."""
    for way in simulate(TYPICAL, 325, 0.1, 200, generator(20261128, "family")).values():
        assert way.least_violation_rate < DELTA


def test_the_oracle_is_that_of_the_draws():
    confidence, wrong = TYPICAL.draw(generator(20261128, "oracle"), 200_000)
    for threshold in (-1.0, 0.5, 1.5):
        risk, share = TYPICAL.above(threshold)
        accepted = confidence >= threshold
        assert accepted.mean() == pytest.approx(share, abs=0.005)
        assert wrong[accepted].mean() == pytest.approx(risk, abs=0.005)
