"""The bound with groups as units keeps its promise where documents of a group depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
from support.group_bounds import DELTA, Groups, documents_as_units, naive, simulate

from insource.foundation.rng import generator
from insource.stats.group_bounds import ltt_group_threshold

POPULATIONS = {
    "alike": Groups(-4, 1.2, 0.3),
    "differ": Groups(-4, 1.2, 1.5),
    "large ones that differ": Groups(-4, 1.5, 2.0, fewest=20, fullest=60),
    "one in twenty is strange": Groups(-5, 1.0, 0.3, strange=0.05),
    "more are strange than the bound allows": Groups(-6, 1.0, 0.3, strange=0.15),
    "just above the bound everywhere": Groups(-2.1, 0.05, 0.3),
}
CELLS = [(30, 0.1), (60, 0.1), (150, 0.1), (60, 0.05), (200, 0.05)]
DRAWS = pytest.mark.parametrize("draws", [60, pytest.param(1000, marks=pytest.mark.slow)])


def by_group(confidence, wrong, codes, bound):
    return ltt_group_threshold(confidence, wrong, np.ones_like(wrong), codes, bound, DELTA)


def measured(name, groups, bound, draws, **ways):
    random = generator(20261128, f"groups.{name}.{groups}.{bound}")
    return simulate(POPULATIONS[name], groups, bound, draws, random, ways)


@DRAWS
@pytest.mark.parametrize(("groups", "bound"), CELLS)
@pytest.mark.parametrize("name", POPULATIONS)
def test_the_promise_is_broken_in_at_most_delta_of_the_draws(name, groups, bound, draws):
    found = measured(name, groups, bound, draws, product=by_group)["product"]
    assert found.least_violation_rate <= DELTA


@DRAWS
@pytest.mark.parametrize(("groups", "bound"), [(60, 0.05), (200, 0.05)])
def test_documents_as_units_and_a_naive_threshold_break_it_for_new_groups(groups, bound, draws):
    """On the same draws: documents of one group tell much of each other, and little of other groups."""
    found = measured(
        "large ones that differ",
        groups,
        bound,
        draws,
        product=by_group,
        documents=documents_as_units,
        naive=naive,
    )
    assert found["documents"].least_violation_rate > DELTA
    assert found["naive"].least_violation_rate > found["documents"].least_violation_rate
    assert found["product"].least_violation_rate <= DELTA


@DRAWS
def test_it_serves_where_groups_are_enough(draws):
    assert measured("alike", 60, 0.1, draws, product=by_group)["product"].coverage > 0.8
    assert measured("differ", 150, 0.1, draws, product=by_group)["product"].coverage > 0.8


@pytest.mark.parametrize(("bound", "needed"), [(0.1, 29), (0.05, 59)])
def test_as_many_groups_without_an_error_suffice_and_not_one_fewer(bound, needed):
    def threshold(groups):
        codes = np.repeat(np.arange(groups), 4)
        return by_group(np.linspace(0, 1, len(codes)), np.zeros(len(codes)), codes, bound)

    assert threshold(needed) is not None
    assert threshold(needed - 1) is None
