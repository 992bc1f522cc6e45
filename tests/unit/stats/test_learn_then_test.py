"""The Learn-then-Test threshold: what it takes, what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.risk_control.fwer_control import control_fwer
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value
from scipy import stats

from insource.stats.learn_then_test import ltt_sizes, ltt_threshold, minimum_calibration_n


def test_a_perfect_model_serves_everything():
    confidence = np.linspace(0, 1, 200)
    assert ltt_threshold(confidence, np.ones(200), 0.05, 0.05) == 0.0


def test_too_few_documents_prove_nothing_even_without_error():
    assert minimum_calibration_n(0.01, 0.05) == 299
    assert ltt_threshold(np.linspace(0, 1, 298), np.ones(298), 0.01, 0.05) is None


def test_the_threshold_keeps_the_errors_out():
    confidence = np.linspace(0, 1, 400)
    correct = confidence >= 0.5
    threshold = ltt_threshold(confidence, correct, 0.05, 0.05)
    # Of the sizes that are tested, 181 is the last without an error and 208 holds too many.
    assert (confidence >= threshold).sum() == 181


def test_a_bad_model_serves_nothing():
    draws = np.arange(400)
    assert ltt_threshold(draws / 400, draws % 2 == 0, 0.05, 0.05) is None


def test_no_calibration_documents():
    assert ltt_threshold([], [], 0.05, 0.05) is None


@pytest.mark.parametrize(
    ("confidence", "correct"), [([0.5, float("nan")], [True, True]), ([0.5], [True, False])]
)
def test_malformed_input_is_refused(confidence, correct):
    with pytest.raises(ValueError, match="confidence"):
        ltt_threshold(confidence, correct, 0.05, 0.05)


BOUNDS = st.floats(0.01, 0.5)


@given(st.integers(0, 400), BOUNDS, BOUNDS)
def test_every_size_can_pass_and_the_last_is_all(n, max_error, delta):
    sizes = ltt_sizes(n, max_error, delta)
    assert list(sizes) == sorted(set(sizes))
    assert bool(sizes) == (n >= minimum_calibration_n(max_error, delta))
    if sizes:
        assert sizes[-1] == n
        assert minimum_calibration_n(max_error, delta) <= sizes[0]
        assert (stats.binom.cdf(0, sizes, max_error) <= delta * (1 + 1e-9)).all()


@pytest.mark.parametrize(("n", "first"), [(28, None), (29, 29), (40, 29), (100, 46), (325, 103), (2000, 638)])
def test_the_tolerated_errors_at_the_start_grow_with_the_documents(n, first):
    sizes = ltt_sizes(n, 0.1, 0.05)
    assert (sizes[0] if sizes else None) == first
    if n > 40:
        assert first >= n * math.sqrt(0.1)
        tolerated = [int(stats.binom.ppf(0.05, size, 0.1)) for size in (first - 1, first)]
        assert tolerated[0] < tolerated[1]


@pytest.mark.parametrize(("max_error", "delta"), [(0.1, 0.05), (0.025, 0.001), (0.6, 0.2)])
def test_between_the_first_size_and_the_last_no_set_tolerates_one_more_error(max_error, delta):
    """By scipy, also where the sizes are many."""
    sizes = ltt_sizes(20_000, max_error, delta)
    counts = np.arange(sizes[0], 20_001)
    tolerated = stats.binom.ppf(delta, counts, max_error)
    grows = {int(count) for count, step in zip(counts[1:], np.diff(tolerated), strict=True) if step}
    walked = {size for size in sizes[1:] if size <= max(grows)}
    assert walked == grows


OUTCOMES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=150)


@given(OUTCOMES, BOUNDS, BOUNDS, BOUNDS)
def test_at_the_same_sizes_a_stricter_bound_never_serves_more(pairs, one, other, delta):
    confidence, correct = zip(*pairs, strict=True)
    sizes = ltt_sizes(len(pairs), max(one, other), delta)
    strict, loose = (
        ltt_threshold(confidence, correct, bound, delta, sizes) for bound in sorted((one, other))
    )
    assert strict is None or loose <= strict


@given(OUTCOMES, BOUNDS, BOUNDS, st.randoms(use_true_random=False))
def test_answers_of_equal_confidence_are_accepted_together(pairs, max_error, delta, random):
    """So the order of documents changes nothing, and the accepted set passes the exact test."""
    shuffled = random.sample(pairs, len(pairs))
    thresholds = {
        ltt_threshold([c for c, _ in some], [right for _, right in some], max_error, delta)
        for some in (pairs, shuffled)
    }
    assert len(thresholds) == 1
    threshold = thresholds.pop()
    if threshold is not None:
        accepted = [right for c, right in pairs if c >= threshold]
        wrong = len(accepted) - sum(accepted)
        assert stats.binomtest(wrong, len(accepted), max_error, alternative="less").pvalue <= delta + 1e-9


@given(st.lists(st.booleans(), min_size=60, max_size=200))
def test_outcomes_after_the_first_failure_change_nothing(correct):
    n = len(correct)
    confidence = np.arange(n, 0, -1)
    threshold = ltt_threshold(confidence, correct, 0.1, 0.05)
    accepted = 0 if threshold is None else int((confidence >= threshold).sum())
    sizes = ltt_sizes(n, 0.1, 0.05)
    beyond = next((size for size in sizes if size > accepted), n)
    other = [*correct[:beyond], *(not right for right in correct[beyond:])]
    assert ltt_threshold(confidence, other, 0.1, 0.05) == threshold


@pytest.mark.parametrize(("n", "max_error"), [(100, 0.1), (325, 0.1), (600, 0.05), (150, 0.2)])
@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_that_of_mapie(n, max_error, seed):
    """Its p-values for a binary loss, and its fixed-sequence test, at the sizes that we test."""
    random = np.random.default_rng([seed, n])
    confidence = random.random(n)
    correct = random.random(n) >= 0.6 * (1 - confidence) ** 2
    order = np.argsort(-confidence)
    sizes = np.array(ltt_sizes(n, max_error, 0.05))
    risks = np.cumsum(~correct[order])[sizes - 1] / sizes
    # Its ceil of n times the risk must not turn 3.0000000000000004 errors into 4.
    risks = np.maximum(risks - 1e-12, 0.0)
    p_values = compute_hoeffding_bentkus_p_value(risks, sizes, max_error, binary=True)[:, 0]
    accepted = control_fwer(p_values, 0.05, "fixed_sequence")
    expected = float(confidence[order][sizes[accepted[-1]] - 1]) if len(accepted) else None
    assert ltt_threshold(confidence, correct, max_error, 0.05) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from([True, True, True, False])), min_size=8, max_size=120
    ),
    st.data(),
)
def test_one_more_error_never_lowers_the_threshold(pairs, data):
    at = data.draw(st.integers(0, len(pairs) - 1))
    confidence, correct = [sure for sure, _ in pairs], [right for _, right in pairs]
    before = ltt_threshold(confidence, correct, 0.3, 0.1)
    after = ltt_threshold(confidence, [*correct[:at], False, *correct[at + 1 :]], 0.3, 0.1)
    assert after is None or (before is not None and after >= before)
