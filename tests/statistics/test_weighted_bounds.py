"""The bound on weights keeps its promise in a known population, where the dear field is wrong with others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from support.field_bounds import DELTA

from insource.foundation.rng import generator
from insource.routing.bounds.losses import Counted, judged
from insource.stats.intervals import clopper_pearson

WEIGHTS = np.array([10.0, 3.0, 1.0, 1.0, 1.0])
WRONG = {"hard": np.array([0.7, 0.6, 0.8, 0.8, 0.8]), "easy": np.array([0.02, 0.02, 0.05, 0.05, 0.05])}
HARD, SHIFT = 0.2, 1.5
DRAWS = pytest.mark.parametrize("draws", [80, pytest.param(2000, marks=pytest.mark.slow)])


def draw(random, n):
    """Documents of five fields, all there: confidence, and the weight of what is wrong."""
    hard = random.random(n) < HARD
    confidence = random.standard_normal(n) + SHIFT * ~hard
    rates = np.where(hard[:, None], WRONG["hard"], WRONG["easy"])
    # One uniform number a document: where the dear field is wrong, the others tend to be, too.
    wrong = random.random((n, 1)) < rates
    return confidence, wrong @ WEIGHTS


def above(threshold):
    """The exact weight that is wrong above a threshold, as a share of all weight there."""
    hard = HARD * special.ndtr(-threshold)
    easy = (1 - HARD) * special.ndtr(SHIFT - threshold)
    cost = {kind: float(rates @ WEIGHTS / WEIGHTS.sum()) for kind, rates in WRONG.items()}
    return (hard * cost["hard"] + easy * cost["easy"]) / (hard + easy), hard + easy


def simulate(n, bound, draws):
    """Broken promises of the product and of a naive threshold, and the product's mean share served."""
    random = generator(20261128, f"weights.{n}.{bound}")
    most, broken, naive, shares = float(WEIGHTS.sum()), 0, 0, []
    for _ in range(draws):
        confidence, wrong = draw(random, n)
        found = [
            Counted(float(sure), float(lost), most) for sure, lost in zip(confidence, wrong, strict=True)
        ]
        threshold = judged("weighted", found, most).threshold(bound, DELTA)
        shares.append(0.0 if threshold is None else above(threshold)[1])
        broken += threshold is not None and above(threshold)[0] > bound
        order = np.argsort(-confidence)
        within = np.flatnonzero(np.cumsum(wrong[order]) <= bound * most * np.arange(1, n + 1))
        naive += bool(len(within)) and above(confidence[order[within[-1]]])[0] > bound
    return int(broken), int(naive), float(np.mean(shares))


@DRAWS
@pytest.mark.parametrize(("n", "bound"), [(150, 0.1), (400, 0.1), (2000, 0.06)])
def test_the_promise_is_broken_in_at_most_delta_of_the_draws(n, bound, draws):
    broken, naive, _ = simulate(n, bound, draws)
    assert clopper_pearson(broken, draws).low <= DELTA
    assert clopper_pearson(naive, draws).low > DELTA


@DRAWS
def test_more_documents_serve_more(draws):
    shares = [simulate(n, 0.1, draws)[2] for n in (150, 400, 2000)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.5
