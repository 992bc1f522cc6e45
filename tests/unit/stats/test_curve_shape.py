"""The test of a curve's shape names where it fails."""

import numpy as np
import pytest

from insource.foundation.rng import generator
from insource.stats.curve_shape import shape_test

SIZES = [50, 100, 200, 400, 800]


def shaped(errors):
    draws = errors + 0.01 * generator(0, "shape").normal(size=(500, len(errors)))
    return shape_test(SIZES, errors, draws)


CURVES = {
    "falling ever more slowly": ([0.4, 0.3, 0.22, 0.17, 0.14], False, False),
    "flat": ([0.3, 0.3, 0.3, 0.3, 0.3], False, False),
    "a bump at 200": ([0.4, 0.3, 0.38, 0.2, 0.15], True, True),
    "worse at the end": ([0.4, 0.3, 0.2, 0.2, 0.3], True, False),
    "a late fall": ([0.4, 0.4, 0.4, 0.39, 0.1], False, True),
}


@pytest.mark.parametrize("name", CURVES)
def test_shapes(name):
    errors, rises, bulges = CURVES[name]
    found = shaped(np.array(errors))
    assert (found.monotone_p < 0.025, found.convex_p < 0.025) == (rises, bulges)


def test_it_names_where_it_fails():
    found = shaped(np.array(CURVES["a bump at 200"][0]))
    assert found.rises == (1, 2)
    assert found.bulges[1] == 2


def test_without_variation_only_a_curve_of_the_right_shape_passes():
    right, wrong = np.array([0.4, 0.3, 0.25, 0.22, 0.2]), np.array([0.2, 0.3, 0.25, 0.22, 0.2])
    for errors, p in ((right, 1.0), (wrong, 0.0)):
        assert shape_test(SIZES, errors, np.tile(errors, (9, 1))).monotone_p == p


def test_two_sizes_have_no_shape():
    with pytest.raises(ValueError, match="three sizes"):
        shape_test([1, 2], [0.2, 0.1], np.zeros((3, 2)))
