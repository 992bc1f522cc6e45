"""A check says why a part was not measured, and takes no part of it for a zero."""

from datetime import UTC, datetime, timedelta

import pytest

from insource.config.monitor import MonitorSection
from insource.config.rollout import RolloutSection
from insource.foundation.rng import generator
from insource.lifecycle.drift.behaviour import Answered
from insource.lifecycle.monitoring.traffic import Observed
from insource.lifecycle.monitoring.watch import Watched, check
from insource.types import Labels, Policy

START = datetime(2026, 11, 1, tzinfo=UTC)
POLICY = Policy(
    threshold=0.8, basis="guaranteed", max_error=0.1, delta=0.05, calibration_n=100,
    expected_local_share=0.5, reason="test",
)  # fmt: skip


def calls(n, *, text="a pump", confidence=0.95, local=True):
    rng = generator(n, "tests.watch")
    return [
        Observed(
            f"c{i}",
            START + timedelta(minutes=i),
            text and f"{text} {rng.integers(1000)}",
            {},
            Answered(confidence, not local, 0.2, "yes" if local else None, 3),
        )
        for i in range(n)
    ]


def found(policy=POLICY, **changes):
    watched = Watched("t", "v", Labels(names=("yes", "no")), policy, None, "", True, 0.1, RolloutSection())
    window = calls(80, **changes)
    return check(watched, calls(120), window, (), MonitorSection(), before=(), at=START, seed=0)


@pytest.mark.parametrize(
    ("changes", "signal", "why"),
    [
        ({"text": None}, "inputs", "the log has no texts of these calls"),
        ({"confidence": None}, "quality", "no answer was served here with a confidence"),
        ({"local": False}, "quality", "no answer was served here with a confidence"),
        (
            {"policy": POLICY.model_copy(update={"threshold": None, "basis": "infeasible"})},
            "quality",
            "the policy promises nothing: it has no threshold",
        ),
        (
            {"policy": POLICY.model_copy(update={"loss": "invented"})},
            "quality",
            "confidences do not estimate what the policy bounds: invented",
        ),
        ({}, "audits", "no answer that was served here has been audited yet"),
    ],
)
def test_what_is_not_measured_is_said(changes, signal, why):
    made = found(**changes)
    assert made.skipped[signal] == why
    part = {"inputs": made.inputs, "quality": made.quality, "audits": made.agreement}[signal]
    assert part is None


def test_without_log_probabilities_the_other_signals_go_on():
    made = found(confidence=None)
    assert made.inputs is not None
    assert {"escalated calls", "label is 'yes'"} <= {shift.name for shift in made.behaviour.shifts}


def test_a_check_is_read_back_as_it_was():
    made = found()
    assert type(made).model_validate_json(made.model_dump_json()) == made
