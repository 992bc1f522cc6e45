"""Groups of documents whose errors depend on their group, and other ways to choose a threshold for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special
from support.field_bounds import DELTA, Found

from insource.stats.learn_then_test import ltt_threshold

TRUTH_GROUPS = 8_000


class Groups(NamedTuple):
    """A document's confidence is normal; how often it is wrong depends on it and on its group.

    The logit of a document's error is ``level`` - ``slope`` · confidence + ``spread`` · z with one z a group;
    a share ``strange`` of the groups is wrong in ``wrong_if_strange`` of its documents whatever the
    confidence, as a new layout may be. A group has ``fewest`` to ``fullest`` documents.
    """

    level: float
    slope: float
    spread: float
    strange: float = 0.0
    wrong_if_strange: float = 0.7
    fewest: int = 5
    fullest: int = 15

    def draw(self, random, groups):
        """Confidence, error and group of each document of so many groups."""
        sizes = random.integers(self.fewest, self.fullest + 1, groups)
        codes = np.repeat(np.arange(groups), sizes)
        confidence = random.standard_normal(len(codes))
        wrong = random.random(len(codes)) < self.rate(confidence, self._kinds(random, groups)[codes])
        return confidence, wrong.astype(float), codes

    def _kinds(self, random, groups):
        """The z of each group; infinite for a strange one."""
        z = random.standard_normal(groups)
        return np.where(random.random(groups) < self.strange, np.inf, z)

    def rate(self, confidence, kinds):
        usual = special.expit(
            self.level - self.slope * confidence + self.spread * np.where(kinds < np.inf, kinds, 0)
        )
        return np.where(kinds < np.inf, usual, self.wrong_if_strange)

    def truth(self, random):
        """The exact risk of every document of very many groups: the population itself."""
        sizes = random.integers(self.fewest, self.fullest + 1, TRUTH_GROUPS)
        codes = np.repeat(np.arange(TRUTH_GROUPS), sizes)
        confidence = random.standard_normal(len(codes))
        return Truth(confidence, self.rate(confidence, self._kinds(random, TRUTH_GROUPS)[codes]), codes)


class Truth(NamedTuple):
    """The population: what each of its documents is wrong with, by probability."""

    confidence: np.ndarray
    rate: np.ndarray
    codes: np.ndarray

    def above(self, threshold):
        """The mean over groups of the share that is wrong at or above a threshold, and the share served."""
        served = self.confidence >= threshold
        of = np.bincount(self.codes[served], minlength=TRUTH_GROUPS)
        lost = np.bincount(self.codes[served], weights=self.rate[served], minlength=TRUTH_GROUPS)
        return float((lost[of > 0] / of[of > 0]).mean()), float(served.mean())


def documents_as_units(confidence, wrong, codes, bound):
    """The exact test of documents: as if those of a group told nothing of each other."""
    return ltt_threshold(confidence, wrong == 0, bound, DELTA)


def naive(confidence, wrong, codes, bound):
    """The lowest threshold at which the share seen on the calibration split is within the bound."""
    order = np.argsort(-confidence, kind="stable")
    within = np.flatnonzero(np.cumsum(wrong[order]) <= bound * np.arange(1, len(order) + 1))
    return float(confidence[order[within[-1]]]) if len(within) else None


def simulate(population, groups, bound, draws, random, ways) -> dict[str, Found]:
    """Every way on the same draws of so many groups; a threshold of None serves nothing."""
    truth = population.truth(random)
    found = {name: ([], 0) for name in ways}
    for _ in range(draws):
        confidence, wrong, codes = population.draw(random, groups)
        for name, way in ways.items():
            threshold = way(confidence, wrong, codes, bound)
            risk, share = (0.0, 0.0) if threshold is None else truth.above(threshold)
            shares, broken = found[name]
            found[name] = ([*shares, share], broken + int(risk > bound))
    return {name: Found(float(np.mean(s)), broken, draws) for name, (s, broken) in found.items()}
