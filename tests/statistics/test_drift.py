"""The monitor's false alarms and what it finds, over a factorial of drifts of known kind and strength."""

import pytest
from support.drifts import Cell, alarms

ALPHA = 0.15
"""Larger than anyone's setting, so that a few runs can show that it is broken: a third a signal."""

RUNS = pytest.mark.parametrize("runs", [40, pytest.param(1000, marks=pytest.mark.slow)])
SIZES = [(100, 100), (300, 100)]


@RUNS
@pytest.mark.parametrize(("reference", "window"), SIZES)
def test_without_a_drift_alarms_are_no_more_frequent_than_alpha(reference, window, runs):
    found = alarms(Cell("", 0.0, reference, window), runs, alpha=ALPHA)
    assert found.interval("any").low <= ALPHA
    for signal in ("inputs", "behaviour", "quality"):
        assert found.interval(signal).low <= ALPHA / 3
    assert found.interval("audits").low <= ALPHA


@RUNS
def test_calls_in_runs_that_are_short_beside_a_block_are_no_drift(runs):
    """Runs of ten calls of one kind, in blocks of ten."""
    found = alarms(Cell("bursts", 0.0, 300, 100), runs, alpha=ALPHA)
    assert found.interval("any").low <= ALPHA


@RUNS
def test_words_that_only_a_run_of_calls_has_are_no_drift(runs):
    """Words of one customer in two calls: the reference knows its own, and never those of the window."""
    found = alarms(Cell("own words", 0.0, 300, 100), runs, alpha=ALPHA)
    assert found.interval("inputs").low <= ALPHA / 3


@RUNS
def test_calls_in_runs_at_the_promised_quality_are_not_below_it(runs):
    """Ten calls in a row share a confidence, and together they say no more than one."""
    found = alarms(Cell("runs", 0.0, 300, 100), runs, alpha=ALPHA)
    assert found.interval("quality").low <= ALPHA / 3


FOUND = {
    "another language": "inputs",
    "other mix": "inputs",
    "longer": "inputs",
    "misread": "inputs",
    "harder": "behaviour",
    "more nulls": "behaviour",
    "concept": "audits",
}


@pytest.mark.parametrize("runs", [10, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("drift", FOUND)
def test_a_strong_drift_is_found_by_the_signal_that_can_see_it(drift, runs):
    found = alarms(Cell(drift, 0.6, 300, 200), runs, alpha=ALPHA)
    assert found.rate(FOUND[drift]) >= 0.8


@pytest.mark.parametrize("runs", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_the_estimate_falls_below_the_promise_when_documents_are_harder(runs):
    assert alarms(Cell("harder", 1.0, 300, 100), runs, alpha=ALPHA).rate("quality") >= 0.8


@RUNS
def test_changed_right_answers_raise_no_alert_without_labels(runs):
    """A concept drift: nothing but audits can see it, and an estimate must not be taken for a label."""
    found = alarms(Cell("concept", 1.0, 300, 100), runs, alpha=ALPHA)
    assert found.interval("any").low <= ALPHA
    assert found.rate("audits") == 1.0
