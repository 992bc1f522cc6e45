"""Since when the audits show harm: the same evidence as decides, and from its last crossing on."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from insource.config.rollout import RolloutSection
from insource.lifecycle.anchors.harm import first_harm
from insource.lifecycle.rollout import evidence_of
from insource.types.deployment import Audit

START = datetime(2026, 11, 28, tzinfo=UTC)
SECTION = RolloutSection(slo=0.05, audit_share=0.2, audits_per_false_alarm=1000)


def audits(outcomes, *, stratified=False, source="canary"):
    """One audit a minute, wrong where the letter is x; with strata every second is drawn for its doubt."""
    return [
        Audit(
            task="t",
            version="v",
            call_id=str(n),
            at=START + timedelta(minutes=n),
            source=source,
            wrong=letter == "x",
            uniform=not (stratified and n % 2),
            weight=1.0 if stratified and n % 2 else 5.0 if stratified else 1.0,
        )
        for n, letter in enumerate(outcomes)
    ]


STRATIFIED = SECTION.model_copy(update={"doubtful_audits": 5.0})


def harm(outcomes, *, in_canary=True, stratified=False, **options):
    section = STRATIFIED if stratified else SECTION
    found = audits(outcomes, stratified=stratified, **options)
    return first_harm(found, 0.05, section, in_canary=in_canary)


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("outcomes", ["." * 40, "." * 40 + "x" * 9, "x" * 20 + "." * 5, "x" * 6, ""])
def test_there_is_harm_exactly_when_the_evidence_that_decides_says_so(outcomes, stratified):
    found = harm(outcomes, stratified=stratified)
    section = STRATIFIED if stratified else SECTION
    evidence = evidence_of(audits(outcomes, stratified=stratified), 0.05, section, step=0)
    assert (found is not None) == (evidence.log_harm >= -math.log(SECTION.alpha))


def test_it_dates_from_the_audit_that_showed_it():
    found = harm("." * 20 + "x" * 12)
    assert found is not None
    before = 32 - 1 - found.audits_after
    assert found.since == START + timedelta(minutes=before)
    assert harm(("." * 20 + "x" * 12)[: before + 1]) is not None
    assert harm(("." * 20 + "x" * 12)[:before]) is None


def test_harm_that_passed_is_no_harm():
    assert harm("xxxxx") is not None
    assert harm("xxxxx" + "." * 400) is None


def test_a_champion_is_watched_by_the_detector_of_changes():
    """A long good time does not hide a change, and a short bad one is over when the detector says so."""
    found = harm("." * 3000 + "x" * 8, in_canary=False, source="live")
    assert found is not None
    assert found.since > START + timedelta(minutes=2999)
    assert harm("." * 3000, in_canary=False, source="live") is None


def test_weights_keep_evidence_below_that_of_uniform_audits_of_the_same_answers():
    """Wrong answers that were looked for are worth less than wrong answers that were met."""
    looked_for = "." + ".x" * 6  # every second audit is drawn for its doubt, and only those are wrong
    uniform = evidence_of(audits(looked_for), 0.05, SECTION, step=0)
    weighted = evidence_of(audits(looked_for[1:], stratified=True), 0.05, STRATIFIED, step=0)
    assert weighted.log_harm < uniform.log_harm
