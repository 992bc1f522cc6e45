"""Shares, months and trends of a log's traffic."""

import math

import numpy as np
import pytest

from insource.decision.from_log.figures import (
    DAY_US,
    DAYS_A_MONTH,
    DAYS_A_QUARTER,
    Span,
    by_day,
    counted,
    daily,
    of_trials,
    per_month,
    per_quarter,
    percentile,
    product,
    proportion,
    scaled,
    share,
    trend,
    unknown,
)
from insource.foundation.rng import generator
from insource.types import Estimate

WHOLE = Span(100 * DAY_US, 130 * DAY_US)  # days 100 to 129 are complete


def days_of(counts, first=100):
    return np.repeat(np.arange(first, first + len(counts)), counts)


def test_days_are_the_units_where_there_are_five_of_them():
    few, many = by_day(days_of([3, 3, 3, 3])), by_day(days_of([3, 3, 3, 3, 3]))
    assert few.clusters is None
    assert "only 4 days" in few.note
    assert many.size == 5


def test_a_share_that_changes_from_day_to_day_has_the_wider_interval():
    days = days_of([50] * 20)
    by_turns = np.tile([1, 0], 500)  # half of every day
    whole_days = np.repeat(np.tile([1, 0], 10), 50)  # every second day
    steady, changing = share(by_turns, days), share(whole_days, days)
    assert steady.value == changing.value == 0.5
    assert changing.high - changing.low > 3 * (steady.high - steady.low)


def test_a_month_is_that_of_the_complete_days():
    # 1,000 calls before midnight of the first complete day do not count.
    counts = [10, 12, 8, 10, 11, 9, 10, 10]
    days = np.concatenate([np.full(1000, 99), days_of(counts)])
    span = Span(100 * DAY_US - 5, 108 * DAY_US)
    found = per_month(np.ones(len(days)), days, span)
    assert found.value == pytest.approx(10 * DAYS_A_MONTH)
    assert found.n == 8
    assert found.low < found.value < found.high


def test_days_without_a_call_count():
    days = days_of([70], first=100)
    assert per_month(np.ones(70), days, Span(100 * DAY_US, 107 * DAY_US)).value == pytest.approx(
        10 * DAYS_A_MONTH
    )


@pytest.mark.parametrize(
    ("span", "said"),
    [(Span(0, DAY_US // 2), "12.0 hours"), (Span(5, 5), "0.0 hours")],
)
def test_less_than_a_day_says_nothing(span, said):
    for found in (per_month(np.ones(3), np.zeros(3, int), span), per_quarter(3, span)):
        assert found.value is None
        assert said in found.note


def test_a_month_of_few_days_has_no_interval():
    found = per_month(np.ones(30), days_of([10, 10, 10]), Span(100 * DAY_US, 103 * DAY_US))
    assert found.value == pytest.approx(10 * DAYS_A_MONTH)
    assert found.low is None
    assert "3 complete days" in found.note


def test_the_sum_of_the_complete_days_is_kept():
    rng = generator(3, "test.daily")
    days, amounts = rng.integers(95, 135, 500), rng.random(500)
    inside = (days >= 100) & (days < 130)
    assert daily(amounts, days, WHOLE).sum() == pytest.approx(amounts[inside].sum())


def test_the_interval_of_a_month_covers():
    rng, hits = generator(4, "test.month"), 0
    for _ in range(400):
        days = days_of(rng.poisson(40, 30))
        found = per_month(np.ones(len(days)), days, WHOLE)
        hits += found.low <= 40 * DAYS_A_MONTH <= found.high
    assert hits / 400 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)


def test_the_interval_of_a_trend_covers():
    rng, hits = generator(5, "test.trend"), 0
    means = 40 + np.arange(30) - 14.5  # one more a day
    for _ in range(400):
        days = days_of(rng.poisson(means))
        found = trend(np.ones(len(days)), days, WHOLE)
        hits += found.low <= DAYS_A_MONTH / 40 <= found.high
    assert hits / 400 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)


def test_a_trend_needs_two_weeks_and_something_that_moves():
    assert "a trend needs 14" in trend(np.ones(13), days_of([1] * 13), Span(100 * DAY_US, 113 * DAY_US)).note
    assert "nothing" in trend(np.zeros(30), days_of([1] * 30), WHOLE).note


def test_rates_of_change_are_for_a_quarter():
    found = per_quarter(2, WHOLE)
    assert found.value == pytest.approx(2 / 30 * DAYS_A_QUARTER)
    assert counted(0, 2.0, "in two").high == pytest.approx(3.689 / 2, abs=1e-3)


def test_what_was_never_tried_is_unknown():
    assert of_trials(0, 0, "nobody looked").note == "nobody looked"
    assert percentile(np.array([]), 0.5, "no time is known").note == "no time is known"
    assert of_trials(2, 10, "").value == 0.2


@pytest.mark.parametrize("events", [0, 1, 499, 500])
def test_an_interval_has_its_value(events):
    found = of_trials(events, 500, "")
    assert found.low <= found.value <= found.high


def test_a_proportion_is_of_the_sums():
    found = proportion(np.array([1, 9]), np.array([10, 10]), np.array([1, 2]))
    assert found.value == 0.5


def test_a_product_keeps_what_is_unknown_and_never_narrows():
    one = Estimate(value=2.0, low=1.0, high=3.0, n=10, method="a")
    other = Estimate(value=0.5, low=0.4, high=0.6, n=20, method="b", note="of b")
    found = product(one, other)
    assert (found.value, found.low, found.high, found.n) == (1.0, 0.4, pytest.approx(1.8), 10)
    assert found.note == "of b"
    why = unknown("nobody knows")
    assert product(one, why) == product(why, one) == why
    assert product(one, other.model_copy(update={"low": None})).low is None


@pytest.mark.parametrize("factor", [-1.0, math.inf, math.nan])
def test_a_figure_is_not_multiplied_by_nonsense(factor):
    with pytest.raises(ValueError, match="cannot be multiplied"):
        scaled(Estimate(value=1.0), factor)


def test_a_scaled_unknown_stays_unknown():
    assert scaled(unknown("why"), 3).note == "why"
