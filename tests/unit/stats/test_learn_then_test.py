"""The Learn-then-Test threshold: what it takes, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from insource.stats.learn_then_test import ltt_threshold, minimum_calibration_n


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
    assert 0.45 < threshold <= 0.5


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
