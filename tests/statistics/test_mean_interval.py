"""The interval of a mean by betting covers it however few and skewed the values are; Student's t does not."""

from __future__ import annotations

import numpy as np
import pytest

from insource.foundation.rng import generator
from insource.stats.betting import mean_interval
from insource.stats.intervals import clopper_pearson, mean_t

POPULATIONS = {
    "rarely all wrong": lambda random, n: (random.random(n) < 0.1).astype(float),
    "one in three is half wrong": lambda random, n: 0.5 * (random.random(n) < 1 / 3),
    "uniform": lambda random, n: random.random(n),
    "nearly all right": lambda random, n: 0.02 * random.random(n),
}
MEANS = {
    "rarely all wrong": 0.1,
    "one in three is half wrong": 1 / 6,
    "uniform": 0.5,
    "nearly all right": 0.01,
}
DRAWS = pytest.mark.parametrize("draws", [60, pytest.param(2000, marks=pytest.mark.slow)])


def missed(name, n, draws, interval):
    random = generator(20261128, f"mean.{name}.{n}")
    count = 0
    for _ in range(draws):
        found = interval(POPULATIONS[name](random, n))
        count += found is None or not found.low <= MEANS[name] <= found.high
    return clopper_pearson(count, draws).low


@DRAWS
@pytest.mark.parametrize("n", [1, 4, 20, 100])
@pytest.mark.parametrize("name", POPULATIONS)
def test_it_covers_in_95_percent_of_the_draws(name, n, draws):
    assert missed(name, n, draws, mean_interval) <= 0.05


@DRAWS
def test_a_t_interval_of_a_few_groups_does_not(draws):
    assert missed("rarely all wrong", 6, draws, mean_t) > 0.05


def test_more_values_narrow_it():
    widths = [found.high - found.low for n in (4, 30, 200) if (found := mean_interval(np.full(n, 0.2)))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.1


@pytest.mark.parametrize("values", [[], [1.2], [-0.1]])
def test_what_is_no_share_is_refused(values):
    with pytest.raises(ValueError, match=r"at least one value|needs 0 <="):
        mean_interval(values)
