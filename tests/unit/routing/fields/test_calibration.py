import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.rng import generator
from insource.routing.fields.calibration import ENOUGH_FOR_ISOTONIC, calibrated
from insource.stats.discrimination import calibration_error


def drawn(n, name):
    """Scores whose true probability is a bent curve of the score."""
    rng = generator(0, name)
    scores = rng.normal(0, 2, n)
    chance = 1 / (1 + np.exp(-scores)) ** 3
    return scores, rng.uniform(size=n) < chance, chance


@pytest.mark.parametrize(("n", "method"), [(400, "platt"), (ENOUGH_FOR_ISOTONIC, "isotonic")])
def test_the_curve_follows_the_size(n, method):
    assert calibrated(*drawn(n, "test.size")[:2]).method == method


def test_fresh_scores_have_the_probability_that_is_stated():
    curve = calibrated(*drawn(5_000, "test.fit")[:2])
    scores, right, _ = drawn(20_000, "test.fresh")
    assert calibration_error(curve.of(scores), right) < 0.01


@given(st.integers(0, 50), st.sampled_from([300, 1_500]))
def test_the_order_of_scores_stays_and_nothing_is_certain(seed, n):
    curve = calibrated(*drawn(n, f"test.order.{seed}")[:2])
    found = curve.of(np.linspace(-8, 8, 200))
    assert (np.diff(found) > 0).all()
    assert found[0] > 0
    assert found[-1] < 1


@pytest.mark.parametrize(
    ("scores", "right"),
    [
        ([0.0, 1.0, 2.0], [True, True, True]),
        ([1.0, 1.0, 1.0], [True, False, True]),
        ([3.0, 2.0, 1.0, 0.0], [False, False, True, True]),
    ],
    ids=["all right", "one score", "falling"],
)
def test_nothing_is_made_of_scores_that_say_nothing(scores, right):
    assert calibrated(scores, right) is None
