"""Blocks of calls that change sides: the statistics of all permutations at once are those of each alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.rng import generator
from insource.lifecycle.drift.permutation import (
    BLOCKS,
    Sides,
    adjusted_for_discoveries,
    adjusted_together,
)


def sides(reference=60, window=30, seed=0, **options):
    return Sides.of(reference, window, generator(seed, "tests.sides"), alpha=0.1, **options)


def test_the_observed_sides_come_first_and_blocks_never_mix_both():
    found = sides(100, 50)
    live = found.live[found.block]
    assert live[:, 0].tolist() == [0.0] * 100 + [1.0] * 50
    assert found.permutations == 49
    assert set(found.live.sum(axis=0)) == {BLOCKS}
    assert np.bincount(found.block).tolist() == [5] * 30


@given(st.integers(1, 80), st.integers(1, 80))
def test_any_two_samples_have_sides(reference, window):
    found = sides(reference, window)
    assert len(found.block) == reference + window
    assert found.live[found.block, 0].sum() == window


def test_documents_without_an_order_are_blocks_by_themselves():
    assert sides(7, 3, ordered=False).block.tolist() == list(range(10))


def test_differences_are_those_of_the_means_of_each_side():
    found = sides()
    values = generator(1, "tests.values").normal(size=(90, 2))
    values[::7, 1] = np.nan
    live = found.live[found.block] == 1
    expected = [
        [np.nanmean(column[live[:, b]]) - np.nanmean(column[~live[:, b]]) for b in range(live.shape[1])]
        for column in values.T
    ]
    assert found.differences(values) == pytest.approx(np.array(expected))


def test_new_values_are_those_that_the_other_side_has_not():
    found = sides()
    values = [None if i % 5 == 0 else f"v{i % 23}" for i in range(90)]
    live = found.live[found.block] == 1
    for b, share in enumerate(found.new_values(values)):
        known = {v for v, on in zip(values, live[:, b], strict=True) if not on and v is not None}
        said = [v for v, on in zip(values, live[:, b], strict=True) if on and v is not None]
        assert share == pytest.approx(np.mean([v not in known for v in said]))


def test_a_column_that_is_missing_on_one_side_makes_no_difference():
    values = np.r_[np.full(60, np.nan), np.ones(30)][:, None]
    assert sides().differences(values)[0, 0] == 0.0


def test_values_that_nothing_changes_have_no_small_p_value():
    found = sides()
    same = np.abs(found.differences(np.ones((90, 3))))
    assert adjusted_together(same).tolist() == [1.0] * 3
    assert adjusted_for_discoveries(same).tolist() == [1.0] * 3


def test_p_values_that_hold_together_are_no_smaller_than_each_alone():
    found = sides()
    values = generator(2, "tests.values").normal(size=(90, 6))
    statistics = np.abs(found.differences(values))
    alone = [adjusted_together(row[None, :])[0] for row in statistics]
    assert (adjusted_together(statistics) >= np.array(alone) - 1e-12).all()
