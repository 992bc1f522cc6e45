"""Seeded simulations: intervals cover, tests keep their level, the threshold keeps its promise.

Tolerances are three standard errors of the simulation itself, below the nominal level only.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from insource.evaluation.compare import compare
from insource.evaluation.estimators import mean, rate, ratio, sampling_units
from insource.foundation.rng import generator
from insource.stats.intervals import cluster_mean_t, mover_difference, poisson, wilson
from insource.stats.learn_then_test import ltt_threshold
from insource.stats.paired import paired_binary, paired_mean
from insource.types import Arm, EvalRecord, Score, SlotScore

QUICK, FULL = 500, 4000
SIZES = pytest.mark.parametrize("runs", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)])


def covers(runs, name, draw, truth, interval, nominal=0.95):
    random = generator(20261122, name)
    hits = 0
    for _ in range(runs):
        low, high = interval(draw(random))
        hits += low <= truth <= high
    assert hits / runs >= nominal - 3 * math.sqrt(nominal * (1 - nominal) / runs)


def discordant(n, first, second):
    return lambda random: random.choice([1.0, -1.0, 0.0], size=n, p=[first, second, 1 - first - second])


@SIZES
@pytest.mark.parametrize(
    ("n", "first", "second"),
    [
        (20, 0.04, 0.02),
        (30, 0.04, 0.02),
        (50, 0.04, 0.02),
        (50, 0.15, 0.05),
        (100, 0.04, 0.02),
        (200, 0.04, 0.04),
    ],
)
def test_paired_binary_covers(runs, n, first, second):
    draw = discordant(n, first, second)
    covers(runs, f"binary.{n}", draw, first - second, lambda d: paired_binary(d).interval)


@SIZES
@pytest.mark.parametrize(("n", "first", "second"), [(40, 0.9, 0.8), (100, 0.97, 0.97), (100, 0.6, 0.5)])
def test_the_difference_of_two_samples_covers(runs, n, first, second):
    def interval(drawn):
        ends = [wilson(int(right), n) for right in drawn]
        return mover_difference(drawn[0] / n, ends[0], drawn[1] / n, ends[1])

    covers(runs, f"mover.{n}", lambda r: r.binomial(n, [first, second]), first - second, interval)


@SIZES
@pytest.mark.parametrize("mean", [0.5, 3.0, 20.0])
def test_counts_cover(runs, mean):
    covers(runs, f"poisson.{mean}", lambda r: int(r.poisson(mean)), mean, poisson)


@SIZES
@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.parametrize("share", [0.06, 0.3])
def test_paired_means_cover_when_few_documents_differ(runs, n, share):
    sizes = np.array([1, 1, 1, 2, 2, 3, 6]) / 12

    def draw(random):
        signs = np.where(random.random(n) < 0.6, 1, -1)
        return np.where(random.random(n) < share, random.choice(sizes, n) * signs, 0.0)

    truth = share * sizes.mean() * 0.2
    covers(runs, f"paired.{n}.{share}", draw, truth, lambda d: paired_mean(d).interval)


@SIZES
@pytest.mark.parametrize("clusters", [8, 24, 40])
def test_cluster_t_covers_where_naive_t_does_not(runs, clusters):
    ids = np.repeat(np.arange(clusters), 5)

    def draw(random):
        return random.normal(0, 0.05, clusters)[ids] + random.normal(0, 0.08, len(ids))

    covers(runs, f"cluster.{clusters}", draw, 0.0, lambda d: cluster_mean_t(d, list(ids)))
    covers(runs, f"cluster.{clusters}", draw, 0.0, lambda d: paired_mean(d, list(ids)).interval)


@SIZES
@pytest.mark.parametrize("imperfect", [0.05, 0.2, 0.5])
def test_field_accuracy_covers_also_near_one(runs, imperfect):
    sizes = np.array([1, 1, 1, 2, 2, 3]) / 10
    units = sampling_units([None] * 100)

    def draw(random):
        return 1 - np.where(random.random(100) < imperfect, random.choice(sizes, 100), 0.0)

    def interval(values):
        estimate = mean(values, units)
        return estimate.low, estimate.high

    covers(runs, f"accuracy.{imperfect}", draw, 1 - imperfect * sizes.mean(), interval)


@SIZES
@pytest.mark.parametrize("truth", [0.5, 0.9, 0.97])
def test_grouped_rates_cover(runs, truth):
    ids = np.repeat(np.arange(20), 5)
    units = sampling_units([str(i) for i in ids])

    def draw(random):
        return (random.random(100) < random.beta(6 * truth, 6 * (1 - truth), 20)[ids]).astype(float)

    def interval(values):
        estimate = rate(values, units)
        return estimate.low, estimate.high

    covers(runs, f"grouped.{truth}", draw, truth, interval)


@SIZES
def test_ratios_of_slots_cover(runs):
    units = sampling_units([None] * 60)

    def draw(random):
        slots = random.integers(1, 15, 60)
        return random.binomial(slots, random.beta(9, 1, 60)), slots

    def interval(counts):
        estimate = ratio(*counts, units)
        return estimate.low, estimate.high

    # Documents of every size are alike, so the ratio over slots is 0.9, too; t is a little short here.
    covers(runs, "ratio", draw, 0.9, interval, nominal=0.94)


@SIZES
@pytest.mark.parametrize(("n", "margin"), [(100, 0.05), (300, 0.05), (300, 0.02)])
def test_not_worse_is_rarely_said_when_the_loss_is_the_margin(runs, n, margin):
    draw, random = discordant(n, 0.03, 0.03 + margin), generator(20261122, f"margin.{n}.{margin}")
    wrong = sum(paired_binary(draw(random)).interval.low > -margin for _ in range(runs))
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@SIZES
def test_equal_arms_rarely_differ(runs):
    draw, random = discordant(80, 0.08, 0.08), generator(20261122, "null")
    wrong = sum(paired_binary(draw(random)).p_value < 0.05 for _ in range(runs))
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def chance(n, first, metric, margin, outcomes):
    """The exact probability of these outcomes for two arms of which exactly one is right on every document:
    the first with probability ``first``.
    """

    def record(number, right):
        slot = SlotScore(path="(label)", bucket="correct" if right else "wrong", gold="a", predicted="b")
        formats = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
        return EvalRecord(
            row_id=str(number), status="scored", score=Score(slots=(slot,), exact=right, **formats)
        )

    def outcome(wins):
        arms = [(Arm(name=name, model=name, kind=kind), won) for name, kind, won in TWO]
        sides = [(arm, [record(i, (i < wins) == won) for i in range(n)]) for arm, won in arms]
        return compare(*sides, metric=metric, margin=margin).outcome

    return sum(
        math.comb(n, wins) * first**wins * (1 - first) ** (n - wins)
        for wins in range(n + 1)
        if outcome(wins) in outcomes
    )


TWO = (("tuned", "tuned", True), ("cloud", "cloud", False))
ALWAYS_DIFFER = pytest.mark.parametrize("n", range(4, 21))
ONE_FIELD = pytest.mark.parametrize("metric", ["accuracy", "field_accuracy"])


@ALWAYS_DIFFER
@ONE_FIELD
def test_equal_arms_that_always_differ_are_rarely_told_apart(n, metric):
    assert chance(n, 0.5, metric, 0.02, {"better", "worse"}) <= 0.05


@ALWAYS_DIFFER
@ONE_FIELD
@pytest.mark.parametrize("margin", [0.02, 0.1])
def test_a_loss_of_the_margin_is_rarely_not_worse_where_arms_always_differ(n, metric, margin):
    """One direction of a two-sided 95 % interval errs in 2.5 %."""
    assert chance(n, (1 - margin) / 2, metric, margin, {"better", "not worse"}) <= 0.025


@pytest.mark.parametrize("n", [50, 100, 150])
@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("times", [1, 1.5, 3])
def test_a_loss_of_the_margin_is_rarely_not_worse(n, margin, times):
    """Exact, where the arms differ on ``times`` the margin of the documents; with 1, by losses alone."""
    losses, gains = margin * (times + 1) / 2, margin * (times - 1) / 2
    level = 0.0
    for lost in range(n + 1):
        for won in range(min(n - lost, n // 4) + 1):
            chance = stats.multinomial.pmf(
                [lost, won, n - lost - won], n, [losses, gains, 1 - losses - gains]
            )
            if chance > 1e-7:
                found = paired_binary([-1.0] * lost + [1.0] * won + [0.0] * (n - lost - won))
                level += chance * (found.interval.low > -margin)
    assert level <= 0.025 + 1e-4


@SIZES
@pytest.mark.parametrize(("n", "max_error"), [(325, 0.1), (1500, 0.2)])
def test_the_threshold_breaks_its_promise_at_most_delta_of_the_time(runs, n, max_error):
    """P(error | confidence c) = (1 - c)^2 and c uniform, so the error above t is (1 - t)^2 / 3."""
    random, broken, found = generator(20261122, f"ltt.{n}"), 0, 0
    for _ in range(runs // 2):
        confidence = random.random(n)
        correct = random.random(n) >= (1 - confidence) ** 2
        threshold = ltt_threshold(confidence, correct, max_error, 0.05)
        found += threshold is not None
        broken += threshold is not None and (1 - threshold) ** 2 / 3 > max_error
    assert found > 0.5 * (runs // 2)
    assert broken / (runs // 2) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / (runs // 2))
