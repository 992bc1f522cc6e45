"""Figures as words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.report import words
from insource.types import NOT_MEASURED, Estimate


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (0.9412, "94.1%"),
        (1.0, "100.0%"),
        (0.9999, "> 99.9%"),
        (0.0, "0.0%"),
        (0.0001, "< 0.1%"),
        (None, "not measured"),
        (math.nan, "not measured"),
    ],
)
def test_percent(ratio, shown):
    assert words.percent(ratio) == shown


@given(st.floats(0, 1))
def test_only_a_perfect_ratio_reads_as_perfect(ratio):
    assert (words.percent(ratio) == "100.0%") == (ratio == 1.0)
    assert (words.percent(ratio) == "0.0%") == (ratio == 0.0)


def test_an_estimate_in_a_sentence():
    estimate = Estimate(value=0.941, low=0.918, high=0.96, n=1204)
    assert words.described(estimate).replace("\u00a0", " ") == "94.1% [91.8, 96.0], n = 1,204"
    assert words.described(NOT_MEASURED) == "not measured"


def test_no_interval_says_so():
    assert words.support(Estimate(value=1.0, n=3)).replace("\u00a0", " ") == "no interval\nn = 3"


@pytest.mark.parametrize(("value", "shown"), [(0.834, "0.83 s"), (12.34, "12.3 s"), (568.0, "9 min 28 s")])
def test_seconds(value, shown):
    assert words.seconds(value) == shown


@given(st.text(st.characters(codec=None), max_size=80))
def test_visible_text_encodes_and_hides_nothing(text):
    shown = words.visible(text)
    shown.encode()
    assert not set(shown) & set("\u202e\u2066\u200f\x00\ufeff")
    assert words.visible(shown) == shown


def test_listed():
    assert [words.listed(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
