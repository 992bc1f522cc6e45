"""Fields served one by one: the bound holds on a population whose exact error is known."""

import numpy as np
import pytest
from scipy import special

from insource.foundation.rng import generator
from insource.routing.ways.partial import Fields, field_threshold
from insource.stats.intervals import clopper_pearson

DELTA, FIELDS = 0.05, 6
# Of easy and hard fields: how many there are, how often they are wrong, the mean of their confidence.
KINDS = ((0.75, 0.01, 2.0), (0.25, 0.6, 0.0))


def drawn(random, n):
    """Documents of six fields; in half of the documents all fields are of one kind."""
    hard = random.random((n, FIELDS)) < KINDS[1][0]
    together = random.random(n) < 0.5
    hard[together] = hard[together, :1]
    rates, means = (np.where(hard, KINDS[1][at], KINDS[0][at]) for at in (1, 2))
    wrong = (random.random((n, FIELDS)) < rates).astype(float)
    sure = random.standard_normal((n, FIELDS)) + means
    return Fields(sure, wrong, np.ones((n, FIELDS)), np.zeros((n, FIELDS), dtype=bool))


def true_error(threshold):
    """The exact share of wrong fields at or above a threshold, and the share that is served."""
    served = [share * special.ndtr(mean - threshold) for share, _, mean in KINDS]
    wrong = sum(part * rate for part, (_, rate, _) in zip(served, KINDS, strict=True))
    return wrong / sum(served), sum(served)


@pytest.mark.parametrize(
    ("documents", "bound", "draws"),
    [
        (100, 0.1, 200),
        (1_000, 0.05, 200),
        pytest.param(100, 0.1, 2_000, marks=pytest.mark.slow),
        pytest.param(1_000, 0.05, 2_000, marks=pytest.mark.slow),
    ],
)
def test_the_bound_on_single_fields_breaks_at_most_as_often_as_stated(documents, bound, draws):
    random = generator(7, f"fields-{documents}-{bound}-{draws}")
    found = [field_threshold(drawn(random, documents), FIELDS, bound, DELTA) for _ in range(draws)]
    broken = sum(one is not None and true_error(one)[0] > bound for one in found)
    low, _ = clopper_pearson(broken, draws)
    assert low <= DELTA
    # It is no empty promise: most draws serve more than half of the fields.
    served = [0.0 if one is None else true_error(one)[1] for one in found]
    assert np.mean(np.array(served) > 0.5) > 0.5


def test_a_naive_threshold_on_the_same_draws_breaks_the_bound():
    """The lowest threshold whose fields are at most 10 % wrong on the calibration documents themselves."""
    random, broken, draws = generator(7, "fields-naive"), 0, 200
    for _ in range(draws):
        fields = drawn(random, 100)
        order = np.argsort(-fields.sure, axis=None)
        rate = np.cumsum(fields.wrong.ravel()[order]) / np.arange(1, order.size + 1)
        last = np.flatnonzero(rate <= 0.1)
        threshold = fields.sure.ravel()[order[last[-1]]] if last.size else np.inf
        broken += true_error(threshold)[0] > 0.1
    assert clopper_pearson(broken, draws)[0] > DELTA
