"""The estimate without labels, and the audits."""

from datetime import UTC, datetime

import pytest

from insource.config.rollout import RolloutSection
from insource.foundation.rng import generator
from insource.lifecycle.monitoring.quality import audited, quality
from insource.types.deployment import Audit

AT = datetime(2026, 11, 1, tzinfo=UTC)


def of_documents(confidences, *, promised=0.1, calibrated=True):
    none = [() for _ in confidences]
    return quality(
        confidences,
        none,
        range(len(none)),
        promised=promised,
        of_fields=False,
        calibrated=calibrated,
        alpha=0.01,
    )


def test_calibrated_confidences_estimate_the_share_of_right_answers_under_another_mix():
    rng = generator(0, "tests.quality")
    for a in (18, 6):  # an easy and a hard mix of the same inputs
        confidences = rng.beta(a, 2, size=4000)
        right = (rng.random(4000) < confidences).mean()
        found = of_documents(confidences.tolist())
        assert found.estimate.value == pytest.approx(right, abs=0.02)


def test_an_estimate_below_the_promise_is_said_only_of_probabilities():
    low = [0.8, 0.82, 0.79] * 100
    assert of_documents(low).below
    index = of_documents(low, calibrated=False)
    assert not index.below
    assert "no probabilities" in index.estimate.note
    assert not of_documents([0.95, 0.96] * 100).below


def test_fields_are_counted_where_the_promise_is_about_fields():
    found = quality(
        [0.5, 0.5], [(0.9, 0.8), (1.0,)], [0, 1], promised=0.05, of_fields=True, calibrated=True, alpha=0.01
    )
    assert found.estimate.value == pytest.approx(2.7 / 3)
    assert (found.counts, found.estimate.n) == ("fields", 2)


def test_without_confidences_of_fields_documents_are_counted():
    found = quality([0.5, 0.7], [(), ()], [0, 1], promised=0.05, of_fields=True, calibrated=True, alpha=0.01)
    assert (found.counts, found.estimate.value) == ("documents", pytest.approx(0.6))


@pytest.mark.parametrize("confidences", [[], [0.9]])
def test_too_little_has_no_interval(confidences):
    found = of_documents(confidences)
    assert found.estimate.low is None
    assert not found.below


def audit(wrong, *, uniform=True, served=True, source="live"):
    return Audit(
        task="t", version="v", call_id="c", at=AT, wrong=wrong, uniform=uniform, served=served, source=source
    )


def test_only_uniform_audits_of_served_answers_count():
    others = [
        audit(True, uniform=False),
        audit(True, served=False),
        audit(True, source="shadow"),
    ]
    found = audited([*others, *[audit(i < 2) for i in range(50)]], 0.05, RolloutSection())
    assert (found.wrong.value, found.wrong.n) == (pytest.approx(0.04), 50)
    assert not found.above


def test_many_wrong_audits_are_above_the_bound():
    assert audited([audit(i % 3 == 0) for i in range(60)], 0.05, RolloutSection()).above


def test_a_champion_that_was_right_for_long_is_seen_to_become_worse():
    """Over all its audits few are wrong; what counts is lately, as the rollout sees it."""
    was, now = [audit(False)] * 500, [audit(i % 3 == 0) for i in range(60)]
    found = audited([*was, *now], 0.05, RolloutSection())
    assert found.wrong.value < 0.05
    assert found.above


def test_no_audit_is_no_evidence():
    found = audited([], 0.05, RolloutSection())
    assert (found.wrong.value, found.above) == (None, False)
