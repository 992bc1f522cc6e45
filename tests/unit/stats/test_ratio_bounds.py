"""A bound on the share of wrong fields: what its test refuses, and what changes nothing."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.rng import generator
from insource.stats.betting import ratio_evidence
from insource.stats.learn_then_test import (
    least_abstention,
    ltt_ratio_threshold,
    minimum_calibration_n,
    ratio_sizes,
)

MOST = 6
DOCUMENT = st.integers(0, MOST).flatmap(
    lambda counted: st.tuples(st.integers(0, 20), st.integers(0, counted), st.just(counted))
)
DOCUMENTS = st.lists(DOCUMENT, min_size=30, max_size=120)


def threshold(documents, max_ratio=0.3, delta=0.1):
    confidence, wrong, counted = zip(*documents, strict=True)
    return ltt_ratio_threshold(confidence, wrong, counted, MOST, max_ratio, delta)


@st.composite
def mostly_right(draw):
    """Documents with few errors, so that a threshold is often found."""
    documents = draw(DOCUMENTS)
    return [
        (sure, min(wrong, draw(st.sampled_from([0, 0, 0, 1]))), max(counted, 1))
        for sure, wrong, counted in documents
    ]


@given(mostly_right(), st.data())
def test_one_more_error_never_lowers_the_threshold(documents, data):
    at = data.draw(st.integers(0, len(documents) - 1))
    sure, wrong, counted = documents[at]
    worse = [*documents[:at], (sure, min(counted, wrong + 1), counted), *documents[at + 1 :]]
    before, after = threshold(documents), threshold(worse)
    assert after is None or (before is not None and after >= before)


@given(mostly_right(), st.randoms())
def test_the_order_of_the_documents_changes_nothing(documents, random):
    shuffled = list(documents)
    random.shuffle(shuffled)
    assert threshold(shuffled) == threshold(documents)


@given(
    st.lists(st.integers(0, MOST), min_size=1, max_size=60),
    st.sampled_from([0.02, 0.1, 0.3]),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_evidence_has_a_mean_of_at_most_one_when_the_ratio_is_the_bound(counted, max_ratio, delta):
    """Each document all wrong with the bound's probability, else all right: the mean is exact."""
    values = [(of * (0 - max_ratio) / MOST, of * (1 - max_ratio) / MOST) for of in counted]
    from insource.stats.betting import _stakes

    for stake in _stakes(len(counted), max_ratio, delta):
        mean = math.prod(
            (1 - max_ratio) * (1 - stake * right) + max_ratio * (1 - stake * wrong) for right, wrong in values
        )
        assert mean == pytest.approx(1.0)
        assert all(1 - stake * wrong >= -1e-12 for _, wrong in values)


@pytest.mark.parametrize(("max_ratio", "delta"), [(0.1, 0.05), (0.05, 0.05), (0.02, 0.1)])
def test_the_least_number_of_full_error_free_documents_is_that_of_the_exact_test(max_ratio, delta):
    n = minimum_calibration_n(max_ratio, delta)
    full = np.full(n, MOST)
    assert ltt_ratio_threshold(np.ones(n), 0 * full, full, MOST, max_ratio, delta) == 1.0
    fewer = full[:-1]
    assert ltt_ratio_threshold(np.ones(n - 1), 0 * fewer, fewer, MOST, max_ratio, delta) is None
    assert ratio_sizes(n - 1, max_ratio, delta) == ()
    assert ratio_evidence(0 * fewer, fewer, MOST, max_ratio, delta) < math.log(1 / delta)


def test_all_wrong_and_nothing_counted_are_no_evidence():
    assert ratio_evidence([3] * 50, [3] * 50, 3, 0.1, 0.05) == -math.inf
    assert ratio_evidence([0] * 50, [0] * 50, 3, 0.1, 0.05) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("wrong", "counted", "said"),
    [
        ([1], [0], "wrong <= counted"),
        ([0], [7], "<= 6"),
        ([-1], [2], "0 <= wrong"),
        ([0, 0], [1], "equal length"),
    ],
)
def test_values_out_of_range_are_refused(wrong, counted, said):
    with pytest.raises(ValueError, match=said):
        ratio_evidence(wrong, counted, MOST, 0.1, 0.05)


def test_no_method_can_serve_more_than_the_right_answers_allow():
    assert least_abstention(0.19, 0.1) == pytest.approx(0.1)
    assert least_abstention(0.1, 0.1) == least_abstention(0.02, 0.1) == 0.0


def test_ten_thousand_documents_take_a_moment():
    random = generator(20261128, "ratio.many")
    confidence, counted = random.random(10_000), random.integers(4, MOST + 1, 10_000)
    wrong = random.binomial(counted, 0.2 * (1 - confidence))
    started = time.perf_counter()
    found = ltt_ratio_threshold(confidence, wrong, counted, MOST, 0.08, 0.05)
    assert time.perf_counter() - started < 5
    accepted = confidence >= found
    assert 0.5 < accepted.mean() < 1
    assert wrong[accepted].sum() / counted[accepted].sum() < 0.08
