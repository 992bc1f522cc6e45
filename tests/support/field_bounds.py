"""Documents of several fields whose errors depend on each other, and other bounds to compare with."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from insource.stats.betting import ratio_evidence
from insource.stats.intervals import clopper_pearson
from insource.stats.learn_then_test import ratio_sizes

DELTA = 0.05
ENOUGH = math.log(1 / DELTA)


class Documents(NamedTuple):
    """A share of the documents is hard: each of their fields is wrong with a high probability.

    So the errors of a document come together. Confidences of hard and easy documents are normal, as far
    apart as the AUROC says. ``above`` is the exact share of fields that is wrong at or above a threshold.
    """

    hard: float
    auroc: float
    wrong_if_hard: float
    wrong_if_easy: float = 0.01
    fewest: int = 8
    fullest: int = 12
    most: int = 16

    @property
    def shift(self) -> float:
        return math.sqrt(2) * float(stats.norm.ppf(self.auroc))

    def draw(self, random, n):
        hard = random.random(n) < self.hard
        confidence = random.standard_normal(n) + self.shift * ~hard
        counted = random.integers(self.fewest, self.fullest + 1, n)
        rate = np.where(hard, self.wrong_if_hard, self.wrong_if_easy)
        return confidence, random.binomial(counted, rate), counted

    def above(self, threshold):
        hard = self.hard * special.ndtr(-np.asarray(threshold))
        easy = (1 - self.hard) * special.ndtr(self.shift - np.asarray(threshold))
        return (hard * self.wrong_if_hard + easy * self.wrong_if_easy) / (hard + easy), hard + easy


def walked(confidence, wrong, counted, most, bound, passes):
    """The last threshold before the first failure, at the product's sizes; no confidences tie here."""
    order = np.argsort(-confidence, kind="stable")
    best = None
    for size in ratio_sizes(len(confidence), bound, DELTA):
        if not passes(wrong[order[:size]], counted[order[:size]], most, bound):
            break
        best = float(confidence[order[size - 1]])
    return best


def mixture(wrong, counted, most, bound):
    return ratio_evidence(wrong, counted, most, bound, DELTA) >= ENOUGH


def bernstein(wrong, counted, most, bound):
    """Maurer and Pontil 2009, theorem 4, for values in a range of one."""
    y, n = (wrong - bound * counted) / most, len(wrong)
    log = math.log(2 / DELTA)
    return y.mean() + math.sqrt(2 * y.var(ddof=1) * log / n) + 7 * log / (3 * (n - 1)) < 0


def plug_in(wrong, counted, most, bound):
    """The one-sided predictable plug-in of Waudby-Smith and Ramdas, in an order that is shuffled."""
    y = np.random.default_rng(len(wrong)).permutation((wrong - bound * counted) / most)
    t = np.arange(1, len(y) + 1)
    variance = (0.0625 + np.cumsum((y - np.cumsum(y) / (t + 1)) ** 2)) / (t + 1)
    before = np.concatenate([[0.0625], variance[:-1]])
    stake = np.minimum(np.sqrt(2 * ENOUGH / (len(y) * before)), 0.75 / (1 - bound))
    return np.cumsum(np.log1p(-stake * y)).max() >= ENOUGH


def pooled_binomial(wrong, counted, most, bound):
    """The exact test that takes every field for a trial of its own: wrong where errors come together."""
    return stats.binom.cdf(wrong.sum(), counted.sum(), bound) <= DELTA


def naive(confidence, wrong, counted, most, bound):
    """The lowest threshold at which the share seen on the calibration split is within the bound."""
    order = np.argsort(-confidence, kind="stable")
    within = np.flatnonzero(np.cumsum(wrong[order]) <= bound * np.cumsum(counted[order]))
    return float(confidence[order[within[-1]]]) if len(within) else None


def by(passes):
    return lambda *arguments: walked(*arguments, passes)


class Found(NamedTuple):
    """Over the draws: the mean share served, and how often the bound was broken."""

    coverage: float
    broken: int
    draws: int

    @property
    def least_violation_rate(self) -> float:
        """The lower Clopper-Pearson limit of the share of draws that broke the bound."""
        return clopper_pearson(self.broken, self.draws).low


def simulate(population, n, bound, draws, random, ways) -> dict[str, Found]:
    """Every way on the same draws of ``n`` calibration documents."""
    found = {name: ([], 0) for name in ways}
    for _ in range(draws):
        confidence, wrong, counted = population.draw(random, n)
        for name, way in ways.items():
            threshold = way(confidence, wrong, counted, population.most, bound)
            risk, share = (0.0, 0.0) if threshold is None else population.above(threshold)
            shares, broken = found[name]
            found[name] = ([*shares, float(share)], broken + int(risk > bound))
    return {name: Found(float(np.mean(s)), broken, draws) for name, (s, broken) in found.items()}
