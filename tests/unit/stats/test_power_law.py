"""The three-parameter law is the best within its bounds, as a general optimiser finds it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from insource.foundation.rng import generator
from insource.stats.power_law import EXPONENTS, fit_power_laws

SIZES = np.array([50.0, 100.0, 200.0, 400.0, 800.0])


def law(n, a, b, c):
    return a + b * n**-c


@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 2.0, 0.5), (0.0, 1.0, 0.3), (0.1, 20.0, 1.0), (0.2, 0, 1)])
def test_a_curve_without_noise_is_found(a, b, c):
    found = fit_power_laws(SIZES, law(SIZES, a, b, c))
    for n in (*SIZES, 1600, 3200):
        assert found.at(n)[0] == pytest.approx(law(n, a, b, c), abs=1e-3)


def test_it_is_no_worse_than_a_general_optimiser():
    """Of 60 noisy curves, the squares are at most those of scipy's bounded fit, up to the grid's step."""
    random = generator(0, "power-law")
    clean = law(SIZES, 0.08, 1.8, 0.45)
    errors = clean + 0.02 * random.normal(size=(60, len(SIZES)))
    found = fit_power_laws(SIZES, errors)
    for row, one in enumerate(errors):
        start = [max(one.min() - 0.01, 0.001), 1.0, 0.5]
        bounds = ([0, 0, EXPONENTS[0]], [1, 1e4, EXPONENTS[-1]])
        theirs, _ = curve_fit(law, SIZES, one, p0=start, bounds=bounds, maxfev=20_000)
        squares = np.sum((law(SIZES, *theirs) - one) ** 2)
        ours = np.sum((law(SIZES, found.floor[row], found.scale[row], found.exponent[row]) - one) ** 2)
        assert ours <= squares * 1.01 + 1e-9


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_it_never_leaves_its_bounds(errors):
    found = fit_power_laws(SIZES, errors)
    assert found.floor[0] >= 0
    assert found.scale[0] >= 0
    values = [found.at(n)[0] for n in (50, 100, 3200)]
    assert values == sorted(values, reverse=True)


@given(st.floats(0.0, 0.3), st.floats(0.1, 30), st.floats(0.1, 1.5), st.floats(0.001, 0.5))
def test_reaching_is_the_inverse(a, b, c, above):
    found = fit_power_laws(SIZES, law(SIZES, a, b, c))
    target = float(found.floor[0]) + above
    rows = found.reaching(target)[0]
    if found.scale[0] > 1e-6 and 1e-3 < rows < 1e9:
        assert found.at(rows)[0] == pytest.approx(target, rel=1e-6)
    assert fit_power_laws(SIZES, law(SIZES, a + 0.01, b, c)).reaching(0.0)[0] == np.inf


@pytest.mark.parametrize("sizes", [[1, 2], [0, 1, 2], [-1, 2, 3]])
def test_what_cannot_be_fitted_is_refused(sizes):
    with pytest.raises(ValueError, match="three"):
        fit_power_laws(sizes, np.zeros(len(sizes)))
