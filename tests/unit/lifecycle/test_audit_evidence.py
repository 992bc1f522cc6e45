"""What audits say by the mixture, by weights, and by predictions: each from the audits as they are kept."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from insource.config.rollout import RolloutSection
from insource.foundation.rng import generator
from insource.gateway.rollout.predictions import Known, Predictions
from insource.lifecycle.audit_evidence import PART_OF_PREDICTIONS, audit_logs, change_logs, last_log
from insource.lifecycle.rollout import evidence_of
from insource.stats.e_process import log_evidence
from insource.types.deployment import Audit

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SECTION = RolloutSection(audit_share=0.1)


def audit(number, wrong, **fields):
    return Audit(task="t", version="v", call_id=str(number), at=NOW, source="canary", wrong=wrong, **fields)


def audited(confidences, wrong, share, random):
    """The audits of a stream of served answers, drawn and kept as a gateway does it."""
    predictions, found = Predictions(), []
    for number, (sure, lost) in enumerate(zip(confidences, wrong, strict=True)):
        predictions.add(sure)
        if random.random() < share:
            known = predictions.take()._asdict()
            found.append(audit(number, bool(lost), confidence=sure, weight=1 / share, **known))
    return found


def test_without_strata_or_confidence_it_is_the_mixture():
    found = [audit(n, n % 7 == 0) for n in range(50)]
    assert last_log(found, 0.05, "above", SECTION) == pytest.approx(log_evidence(8, 50, 0.05, "above"))
    assert last_log([], 0.05, "above", SECTION) == 0.0


def test_predictions_that_tell_wrong_answers_apart_show_harm_sooner_and_others_cost_little():
    random, needed = generator(20261128, "tests.audit_evidence"), -math.log(SECTION.alpha)
    sooner = []
    for _ in range(20):
        wrong = random.random(8000) < 0.08
        sharp = audited(np.where(wrong, 0.1, 0.99), wrong, 0.1, random)
        blunt = [one.model_copy(update={"expected": None}) for one in sharp]
        shown, plain = (audit_logs(one, 0.05, "above", SECTION) for one in (sharp, blunt))
        assert (shown >= plain + math.log(1 - PART_OF_PREDICTIONS) - 1e-9).all()
        sooner.append([int((one >= needed).argmax()) or len(one) for one in (shown, plain)])
    with_predictions, without = np.median(sooner, axis=0)
    assert with_predictions < without


def test_what_an_audit_knows_is_of_the_answers_since_the_one_before():
    predictions = Predictions()
    predictions.add(0.9)
    assert predictions.take() == Known()  # before the first answer nothing is expected
    for sure in (0.8, 1.0):
        predictions.add(sure)
    known = predictions.take()
    assert known.expected == pytest.approx(0.15)
    assert known.deviations == pytest.approx((0.2 - 0.1) + (0.0 - 0.15))
    assert known.squares == pytest.approx(0.1**2 + 0.15**2)
    assert predictions.take() == Known()


def test_weights_are_taken_as_recorded_whatever_the_configuration_says_now():
    """Recorded at 1 % and 4 %; a share of 0 or 5 %, or no doubtful audits any more, changes nothing."""
    drawn = [audit(n, n % 9 == 0, uniform=n % 3 > 0, weight=100.0 if n % 3 else 25.0) for n in range(90)]
    stated = [one.model_copy(update={"rarest": 100.0}) for one in drawn]
    sections = [
        RolloutSection(audit_share=share, doubtful_audits=times)
        for share, times in ((0.01, 4), (0.05, 4), (0.0, 1), (1.0, 1))
    ]
    found = {last_log(one, 0.05, "above", section) for one in (drawn, stated) for section in sections}
    assert len(found) == 1


FIELDS = {"loss": "fields", "most": 30.0}


def test_fields_are_tested_as_the_ratio_that_the_policy_bounds():
    """Half of the documents have one field, which is wrong; of all fields that is 3 %."""
    found = [
        audit(n, n % 2 == 0, **FIELDS, lost=float(n % 2 == 0), counted=1.0 if n % 2 == 0 else 30.0)
        for n in range(400)
    ]
    evidence = evidence_of(found, 0.05, SECTION, step=0)
    assert evidence.harm_share == pytest.approx(200 / (200 + 200 * 30))
    assert evidence.log_harm < -math.log(SECTION.alpha)
    assert evidence.log_change < math.log(SECTION.audits_per_false_alarm)
    worse = [one.model_copy(update={"lost": one.counted / 3, "wrong": True}) for one in found]
    assert evidence_of(worse, 0.05, SECTION, step=0).log_harm > -math.log(SECTION.alpha)
    assert change_logs(worse, 0.05)[-1] > math.log(SECTION.audits_per_false_alarm)


def test_documents_without_anything_that_counts_say_nothing():
    empty = [audit(n, False, **FIELDS, lost=0.0, counted=0.0) for n in range(50)]
    assert audit_logs(empty, 0.05, "below", SECTION).tolist() == [0.0] * 50


def test_audits_that_compared_nothing_are_no_evidence():
    failed = [audit(n, False, served=False, unanswered="cloud-failed") for n in range(50)]
    assert evidence_of(failed, 0.05, SECTION, step=0).safe_n == 0
