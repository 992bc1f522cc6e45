"""What a confidence was learned from cannot prove a bound on what it orders.

The outcomes are independent of every feature, so the error rate above any threshold is that of the
population, and every guarantee that is given is a broken promise.
"""

import numpy as np
import pytest

from insource.foundation.rng import generator
from insource.routing.fields.features import FEATURES
from insource.routing.fields.fitting import Rows, _Linear
from insource.stats.intervals import clopper_pearson
from insource.stats.learn_then_test import ltt_threshold

WRONG, BOUND, DELTA, DOCUMENTS = 0.2, 0.1, 0.05, 150
EVERYTHING = np.ones(DOCUMENTS, dtype=bool)


def drawn(rng):
    """Documents of one field whose features say nothing."""
    return Rows(
        rng.normal(size=(DOCUMENTS, len(FEATURES))),
        rng.uniform(size=DOCUMENTS) > WRONG,
        np.array(["a"] * DOCUMENTS),
        np.array([str(n) for n in range(DOCUMENTS)]),
        np.arange(DOCUMENTS),
    )


def promises(draws, rng):
    """How often a bound is promised: from the documents that taught, and from others."""
    same = other = 0
    for _ in range(draws):
        taught, certifying = drawn(rng), drawn(rng)
        linear = _Linear.fit(taught, EVERYTHING, frozenset(FEATURES), 3.0)
        for rows in (taught, certifying):
            found = ltt_threshold(linear.scores(rows, EVERYTHING), rows.right, BOUND, DELTA)
            same += rows is taught and found is not None
            other += rows is certifying and found is not None
    return same, other


@pytest.mark.parametrize("draws", [150, pytest.param(3_000, marks=pytest.mark.slow)])
def test_documents_that_taught_promise_what_does_not_hold_and_others_do_not(draws):
    same, other = promises(draws, generator(20261128, "learned.confidence"))
    assert clopper_pearson(other, draws).low <= DELTA
    assert clopper_pearson(same, draws).low > DELTA
