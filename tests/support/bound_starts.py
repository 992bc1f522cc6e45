"""Populations whose risk above a threshold is known exactly, and a family of ways to walk down to a bound.

A population is a confidence for each answer and whether it is wrong. ``above(threshold)`` gives the error
rate and the share of the answers at or above it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from insource.stats.intervals import clopper_pearson
from insource.stats.learn_then_test import ltt_sizes, ltt_threshold

DELTA = 0.05


class Binormal(NamedTuple):
    """Right answers have a higher confidence: two normal distributions, as far apart as the AUROC says.

    With ``steps``, confidences are rounded down to so many a standard deviation, so that they tie.
    """

    auroc: float
    wrong: float
    steps: float = 0.0

    @property
    def shift(self) -> float:
        return math.sqrt(2) * float(stats.norm.ppf(self.auroc))

    def draw(self, random, n):
        wrong = random.random(n) < self.wrong
        confidence = random.standard_normal(n) + self.shift * ~wrong
        return (np.floor(confidence * self.steps) / self.steps if self.steps else confidence), wrong

    def above(self, threshold):
        wrong = self.wrong * special.ndtr(-np.asarray(threshold))
        share = wrong + (1 - self.wrong) * special.ndtr(self.shift - np.asarray(threshold))
        return wrong / np.maximum(share, 1e-300), share


class Hard(NamedTuple):
    """A third is wrong, but hardly any of the surest: P(wrong | c) = (1 - c)^2 with c uniform."""

    def draw(self, random, n):
        confidence = random.random(n)
        return confidence, random.random(n) < (1 - confidence) ** 2

    def above(self, threshold):
        share = 1 - np.clip(threshold, 0, 1)
        return share**2 / 3, share


class Overconfident(NamedTuple):
    """Of the surest answers, as many are wrong as right; below them the confidence ranks well.

    The error rate above a threshold falls and rises again, so the walk's condition does not hold.
    """

    top: float = 0.03
    rest: Binormal = Binormal(0.85, 0.15)

    def draw(self, random, n):
        confidence, wrong = self.rest.draw(random, n)
        top = random.random(n) < self.top
        return np.where(top, 50 + random.random(n), confidence), np.where(top, random.random(n) < 0.5, wrong)

    def above(self, threshold):
        risk, share = self.rest.above(threshold)
        whole = self.top + (1 - self.top) * share
        return (self.top / 2 + (1 - self.top) * share * risk) / whole, whole


def oracle(population, max_error: float) -> float:
    """The largest share that keeps the bound, were the population known."""
    risk, share = population.above(np.linspace(-6, 8, 20_001))
    return float(np.max(share, initial=0.0, where=risk <= max_error))


def tolerant_sizes(n: int, max_error: float, delta: float = DELTA) -> list[int]:
    """The sizes at which one more error becomes tolerable: 29, 46, 61, … for 10 %."""
    sizes: list[int] = []
    for size in range(1, n + 1):
        if stats.binom.cdf(len(sizes), size, max_error) <= delta:
            sizes.append(size)
    return sizes


def family(n: int, max_error: float) -> dict[str, Callable[[np.ndarray, np.ndarray], float | None]]:
    """Ways to find a threshold, all with the guarantee: from confidences and outcomes to a threshold."""
    sizes = tolerant_sizes(n, max_error)
    halved = tolerant_sizes(n, max_error, DELTA / 2)
    percents = [math.ceil(n * percent / 100) for percent in range(1, 101)]

    def walk(start: int | None, rest: list[int], delta: float = DELTA):
        known = () if start is None else tuple(sorted({start, *(size for size in rest if size > start), n}))
        return lambda confidence, right: ltt_threshold(confidence, right, max_error, delta, known)

    def at_most(share: float, of: list[int]) -> int | None:
        return max((size for size in of if size <= max(share * n, of[0])), default=None) if of else None

    def both(confidence, right):
        found = [walk(at_most(share, halved), halved, DELTA / 2)(confidence, right) for share in (1 / 6, 0.4)]
        return min((one for one in found if one is not None), default=None)

    starts = {
        "no error, then percents (as before)": walk(sizes[0] if sizes else None, percents),
        **{
            "1 error" if errors == 1 else f"{errors} errors": walk(
                sizes[errors] if errors < len(sizes) else None, sizes
            )
            for errors in (0, 1, 2, 4)
        },
        **{f"n / {part}": walk(at_most(1 / part, sizes), sizes) for part in (4, 3, 2)},
        "two starts, δ halved": both,
        "betting (Beta mixture), every size": lambda confidence, right: betting(confidence, right, max_error),
    }
    chosen = ltt_sizes(n, max_error, DELTA)
    return starts | {
        CHOSEN: lambda confidence, right: ltt_threshold(confidence, right, max_error, DELTA, chosen)
    }


CHOSEN = "n √bound (chosen)"


def betting(confidence, right, max_error: float) -> float | None:
    """The lowest threshold at which a Beta mixture of bets against "more errors than the bound" reaches 1/δ.

    It may be read at every size (Ville's inequality), so it has no start.
    """
    order = np.argsort(-confidence, kind="stable")
    n, wrong = np.arange(1, len(order) + 1), np.cumsum(~right[order])
    a, b = 0.5, 0.5 / max_error
    with np.errstate(divide="ignore"):
        left = np.log(special.betainc(a + wrong, b + n - wrong, max_error))  # -inf: no evidence at all
    evidence = (
        special.betaln(a + wrong, b + n - wrong)
        + left
        - special.betaln(a, b)
        - np.log(special.betainc(a, b, max_error))
        - wrong * math.log(max_error)
        - (n - wrong) * math.log1p(-max_error)
    )
    ranked = confidence[order]
    last = np.append(ranked[1:] < ranked[:-1], True)  # a group of equal confidences enters as a whole
    passed = np.flatnonzero((evidence >= -math.log(DELTA)) & last)
    return float(ranked[passed[-1]]) if len(passed) else None


class Measured(NamedTuple):
    """Over the draws of one way: coverage of each, and how many broke the bound."""

    coverage: np.ndarray
    broken: int

    @property
    def mean(self) -> float:
        return float(self.coverage.mean())

    @property
    def least_violation_rate(self) -> float:
        """The lower Clopper-Pearson limit of the share of draws that broke the bound."""
        return clopper_pearson(self.broken, len(self.coverage)).low


def simulate(population, n: int, max_error: float, draws: int, random, ways=None) -> dict[str, Measured]:
    """Every way on the same draws of ``n`` calibration documents."""
    ways = ways or family(n, max_error)
    thresholds = np.full((len(ways), draws), np.inf)
    for draw in range(draws):
        confidence, wrong = population.draw(random, n)
        for place, way in enumerate(ways.values()):
            found = way(confidence, ~wrong)
            thresholds[place, draw] = np.inf if found is None else found
    found = np.isfinite(thresholds)
    risk, share = population.above(np.where(found, thresholds, 0.0))
    return {
        name: Measured(np.where(kept, covered, 0.0), int((kept & (wrong > max_error)).sum()))
        for name, kept, covered, wrong in zip(ways, found, share, risk, strict=True)
    }
