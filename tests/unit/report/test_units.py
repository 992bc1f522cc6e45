"""Figures in their units."""

from decimal import Decimal

import pytest

from insource.report import units, words
from insource.types import NOT_MEASURED, Estimate


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.94, "share", "94.0%"),
        (-0.02, "share of the mean", "−2.0% of the mean"),
        (0.012, "points", "+1.2 points"),
        (0.0, "points", "0 points"),
        (12.5, "USD a month", "$12.50 a month"),
        (-61_400.4, "USD", "−$61,400"),
        (0.0042, "USD", "$0.0042"),
        (608.8, "documents a month", "609 documents a month"),
        (0.4, "calls a month", "0.4 calls a month"),
        (0.83, "s", "0.83 s"),
        (7_200, "s", "2 h"),
        (24, "minutes", "24 min"),
        (1_566, "minutes", "26.1 h"),
        (0.04257, "a year", "0.0426 a year"),
        (0.00001234, "", "0.0000123"),
        (408.5, "", "408.5"),
        (1_234_567.8, "tokens", "1,234,568 tokens"),
        (None, "USD", "unknown"),
        (float("inf"), "documents a month", "unknown"),
        (float("nan"), "share", "unknown"),
    ],
)
def test_a_figure_in_its_unit(value, unit, text):
    assert units.shown(value, unit) == text


def test_an_exact_amount_has_its_cents():
    assert units.usd(Decimal("12492.55")) == "$12,492.55"
    assert units.usd(Decimal("-0.5")) == "−$0.50"


def test_an_estimate_for_a_sentence():
    found = Estimate(value=0.94, low=0.91, high=0.97, n=100, method="Wilson")
    assert units.described(found, "share").replace(words.NBSP, " ") == "94.0% [91.0%, 97.0%], n = 100"
    drawn = Estimate(value=5_000, low=None, high=9_000, n=4_000, method="Monte-Carlo")
    assert units.described(drawn, "USD").replace(words.NBSP, " ") == "$5,000 [–, $9,000], 4,000 draws"
    assert units.described(NOT_MEASURED, "share") == "unknown: not measured"


def test_what_is_unknown_says_why_in_a_cell_and_in_a_row():
    missing = Estimate(value=None, method="unknown", note="no price is known")
    assert units.cell(missing, "USD").detail == "no price is known"
    row = units.figure_row(("cost",), missing, "USD")
    assert row[:5] == ("cost", "unknown", "–", "–", "–")
    assert "no price is known" in row[-1]
