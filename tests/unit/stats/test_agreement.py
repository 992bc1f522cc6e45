"""Cohen's κ against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, to_table

from insource.foundation.rng import generator
from insource.stats.agreement import cohen_kappa


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("categories", [2, 5])
def test_agrees_with_the_reference_library(seed, categories):
    draw = generator(seed, "test.kappa")
    first = draw.integers(0, categories, 60)
    second = np.where(draw.random(60) < 0.7, first, draw.integers(0, categories, 60))
    ours = cohen_kappa([f"c{one}" for one in first], [f"c{one}" for one in second])
    theirs = cohens_kappa(to_table(np.column_stack([first, second]))[0])
    assert ours.value == pytest.approx(theirs.kappa)
    assert ours.interval == pytest.approx((theirs.kappa_low, min(1, theirs.kappa_upp)))
    assert ours.observed == pytest.approx(np.mean(first == second))


def test_by_hand():
    found = cohen_kappa(["y"] * 25 + ["n"] * 25, ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15)
    assert found.observed == pytest.approx(0.7)
    assert found.value == pytest.approx(0.4)


def test_where_nothing_varies_there_is_no_interval():
    assert cohen_kappa(["a", "b"], ["a", "b"]) == (1.0, None, 1.0)
    assert cohen_kappa(["a", "a"], ["a", "a"]) == (None, None, 1.0)


def test_no_items_and_unequal_lengths_are_refused():
    for pair in (([], []), (["a"], ["a", "b"])):
        with pytest.raises(ValueError, match="the same number of items"):
            cohen_kappa(*pair)
