"""Clouds with something unfair planted in them are flagged, fair ones are not.

The full size is `pytest -m slow tests/statistics/test_planted_clouds.py`; the continuous run takes a sample.
"""

from __future__ import annotations

import pytest
from support.recorded_clouds import Recorded, complaints, products
from support.unfair_clouds import PLANTED, made

from insource.evaluation.handicaps.case import Case
from insource.evaluation.handicaps.suite import find_handicaps
from insource.foundation.rng import generator
from insource.stats.intervals import clopper_pearson

FULL = 200
FLAGGED = 0.95


def kinds(case: Case) -> set[str]:
    return {found.handicap.kind for found in find_handicaps(case)}


def flagged(kind: str, seeds: range) -> list[bool]:
    found = []
    for seed in seeds:
        planted, more = PLANTED[kind](made(seed), generator(seed, f"planted-{kind}"))
        found.append(kind in kinds(planted.case(**more)))
    return found


def seeds_of(kind: str, count: int) -> range:
    """Other keys need a task with fields, which odd seeds have."""
    return range(1, 2 * count, 2) if kind == "other-keys" else range(count)


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_handicap_is_flagged(kind):
    found = flagged(kind, seeds_of(kind, 8))
    assert sum(found) >= len(found) - 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_handicap_is_flagged_in_95_of_100(kind):
    found = flagged(kind, seeds_of(kind, FULL))
    low, high = clopper_pearson(sum(found), len(found))
    print(f"{kind}: {sum(found)} of {len(found)}, {low:.3f} to {high:.3f}")
    assert sum(found) >= FLAGGED * len(found)


def test_fair_clouds_are_not_flagged():
    assert [seed for seed in range(1000, 1016) if kinds(made(seed).case())] == []


@pytest.mark.slow
def test_of_many_fair_clouds_hardly_one_is_flagged():
    found = {seed: named for seed in range(1000, 1000 + 2 * FULL) if (named := kinds(made(seed).case()))}
    low, high = clopper_pearson(len(found), 2 * FULL)
    print(f"fair: {len(found)} of {2 * FULL}, {low:.3f} to {high:.3f}: {found}")
    assert len(found) <= 2 * FULL / 50


@pytest.mark.parametrize("recorded", [complaints, products])
def test_the_recorded_clouds_are_flagged_by_nothing(recorded):
    clouds: Recorded = recorded()
    assert len(clouds.clouds) in (5, 14)
    assert {name: found for name in clouds.clouds if (found := kinds(clouds.case(name)))} == {}
