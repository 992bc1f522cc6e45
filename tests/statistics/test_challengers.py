"""How often a challenger that is worse passes, and how often an equal one is kept out for a slice by chance.

Populations are known: each document is right or wrong with a given probability, by itself.
"""

import numpy as np
import pytest
from support.judged import CLOUD, TUNED, label_records

from insource.evaluation.compare import Terms, compared
from insource.evaluation.comparison.family import adjust
from insource.evaluation.comparison.slices import DocumentSlice, compare_slices
from insource.foundation.rng import generator
from insource.lifecycle.challenge import ruling
from insource.stats.intervals import clopper_pearson

MARGIN, ALPHA = 0.05, 0.05
TERMS = Terms("accuracy", MARGIN)
SEALED, FRESH = 200, 80
NEW, OLD = TUNED.model_copy(update={"name": "challenger"}), CLOUD.model_copy(update={"name": "champion"})


def sides(rng, n, ours, theirs, discordant=0.15):
    """Paired answers whose shares right are ``ours`` and ``theirs``; documents differ at least so often."""
    gained = max(0.0, (discordant + ours - theirs) / 2)
    lost = gained - (ours - theirs)
    draw = rng.random(n)
    both = theirs - lost
    left = draw < both
    new = left | ((draw >= both) & (draw < both + gained))
    old = left | ((draw >= both + gained) & (draw < both + gained + lost))
    return (NEW, label_records(new.tolist())), (OLD, label_records(old.tolist()))


def ruled(rng, sealed, fresh, slices=()):
    """The ruling on one draw; each argument is the true shares right of challenger and champion."""
    first, second = sides(rng, SEALED, *sealed), sides(rng, FRESH, *fresh)
    found = adjust([compared(*first, TERMS), compared(*second, TERMS)], TERMS, primary=None)
    parts = compare_slices(*first, slices, metric="accuracy") if slices else None
    return ruling(*found, parts, champion="champion")


def passing(name, draws, *args, **kwargs):
    rng = generator(0, f"challengers {name}")
    return [ruled(rng, *args, **kwargs) for _ in range(draws)]


@pytest.mark.parametrize(
    "draws", [pytest.param(120, id="sample"), pytest.param(2000, marks=pytest.mark.slow, id="full")]
)
def test_a_challenger_that_is_worse_by_the_margin_passes_no_more_often_than_alpha(draws):
    found = passing("worse", draws, (0.85, 0.90), (0.85, 0.90))
    passed = sum(one.passes for one in found)
    assert clopper_pearson(passed, draws).low <= ALPHA


@pytest.mark.parametrize(
    "draws", [pytest.param(60, id="sample"), pytest.param(1000, marks=pytest.mark.slow, id="full")]
)
def test_an_equal_challenger_is_kept_out_for_a_slice_no_more_often_than_alpha(draws):
    slices = [
        DocumentSlice("group", f"g{g}", frozenset(str(i) for i in range(g * 40, g * 40 + 40)))
        for g in range(5)
    ]
    found = passing("equal", draws, (0.9, 0.9), (0.9, 0.9), slices)
    kept = sum("one slice" in one.reason for one in found)
    assert clopper_pearson(kept, draws).low <= ALPHA


def test_one_that_has_learned_the_fresh_documents_passes():
    """Equal on the sealed ones, 25 points better on 80 fresh ones: nearly always seen."""
    found = passing("better", 60, (0.9, 0.9), (0.85, 0.60))
    assert sum(one.passes for one in found) >= 55


def test_one_that_forgot_the_sealed_documents_is_kept_out():
    found = passing("forgot", 60, (0.75, 0.9), (0.85, 0.60))
    assert sum(not one.passes for one in found) >= 55


def test_the_draws_have_the_shares_that_they_are_made_for():
    rng = generator(1, "challengers shares")
    (_, ours), (_, theirs) = sides(rng, 20_000, 0.85, 0.9)
    means = [np.mean([one.score.exact for one in records]) for records in (ours, theirs)]
    assert means == pytest.approx([0.85, 0.9], abs=0.01)
