"""Alerts: opened once, closed once, never lost, and only audits may roll back."""

from datetime import UTC, datetime, timedelta

import pytest

from insource.lifecycle.monitoring.alerts import MONITOR, alerts_of, audit_factor
from insource.types import Estimate
from insource.types.deployment import DeploymentEvent
from insource.types.monitoring import (
    AuditedAgreement,
    Behaviour,
    Check,
    InputDrift,
    Quality,
    Shift,
    Window,
)

START = datetime(2026, 11, 1, tzinfo=UTC)


def inputs(moved=True):
    features = (
        Shift(name="digits", unit="ratio", reference=0.1, live=0.3, p_value=0.0, moved=True),
        Shift(name="lines", unit="lines", reference=3, live=3, p_value=0.7, moved=False),
    )
    slices = (Shift(name="language: de", unit="ratio", reference=0.01, live=0.24, p_value=0.0, moved=True),)
    return InputDrift(
        auroc=Estimate(value=0.7), p_value=0.001 if moved else 0.4, permutations=999, alpha=0.003,
        features=features, slices=slices,
    )  # fmt: skip


def behaving(moved=True):
    p_value, live = (0.0, 0.5) if moved else (0.6, 0.11)
    shift = Shift(name="a is empty", unit="ratio", reference=0.1, live=live, p_value=p_value, moved=moved)
    return Behaviour(alpha=0.003, shifts=(shift,))


def estimated(moved=True):
    value = 0.78 if moved else 0.92
    estimate = Estimate(value=value, low=value - 0.05, high=value + 0.05, n=100)
    return Quality(estimate=estimate, target=0.9, calibrated=True, counts="documents", alpha=0.003)


def agreeing(moved=True):
    return AuditedAgreement(wrong=Estimate(value=0.2, n=50), bound=0.05, log_evidence=9.0, above=moved)


PARTS = {"inputs": inputs, "behaviour": behaving, "quality": estimated, "agreement": agreeing}


def check(day=0, **parts):
    at = START + timedelta(days=day)
    window = Window(source="calls", calls=500, first=at, last=at + timedelta(hours=5))
    return Check(task="t", version="v", at=at + timedelta(hours=6), window=window, **parts)


@pytest.mark.parametrize("name", PARTS)
def test_an_alert_says_what_since_when_by_how_much_and_what_to_type(name):
    (alert,) = alerts_of(check(**{name: PARTS[name]()}), ())
    assert alert.state == "open"
    assert alert.since == START
    assert alert.next_command.startswith("insource ")
    assert alert.live != alert.reference
    assert alert.what
    assert alert.may_roll_back == (name == "agreement")


@pytest.mark.parametrize(
    ("moved", "following"),
    [(None, "rollback"), ("local", "rollback"), ("cloud", "anchors status"), ("open", "anchors status")],
)
def test_audits_against_a_cloud_that_may_have_moved_are_no_reason_to_roll_back(moved, following):
    (alert,) = alerts_of(check(agreement=agreeing().model_copy(update={"moved": moved})), ())
    assert alert.next_command == f"insource deploy {following}"
    assert ("the cloud has moved" in alert.what) == (following == "anchors status")


def test_drift_of_inputs_names_the_features_and_the_slice_that_moved():
    (alert,) = alerts_of(check(inputs=inputs()), ())
    assert "digits 10.0 % → 30.0 %" in alert.what
    assert "lines" not in alert.what
    assert alert.slice == "language: de (1.0 % → 24.0 %)"


@pytest.mark.parametrize("name", PARTS)
def test_an_alert_is_opened_once_and_closed_once(name):
    opened = alerts_of(check(**{name: PARTS[name]()}), ())
    (lasting,) = alerts_of(check(1, **{name: PARTS[name]()}), opened)
    assert (lasting.alert_id, lasting.since, lasting.state) == (opened[0].alert_id, START, "open")
    (closed,) = alerts_of(check(2, **{name: PARTS[name](moved=False)}), (lasting,))
    assert (closed.alert_id, closed.state, closed.at) == (opened[0].alert_id, "closed", check(2).at)
    again = alerts_of(check(3, **{name: PARTS[name]()}), ())
    assert again[0].alert_id != opened[0].alert_id


EDGES = {
    "inputs": inputs().model_copy(update={"p_value": 0.05}),
    "behaviour": Behaviour(
        alpha=0.003,
        shifts=(behaving().shifts[0].model_copy(update={"p_value": 0.05, "moved": False}),),
    ),
    "quality": estimated().model_copy(update={"estimate": Estimate(value=0.88, low=0.85, high=0.91, n=100)}),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_drift_at_the_edge_opens_no_alert_and_closes_none(name):
    assert alerts_of(check(**{name: EDGES[name]}), ()) == ()
    opened = alerts_of(check(**{name: PARTS[name]()}), ())
    (lasting,) = alerts_of(check(1, **{name: EDGES[name]}), opened)
    assert (lasting.alert_id, lasting.state) == (opened[0].alert_id, "open")


def test_a_trifle_does_not_keep_an_alert_open():
    opened = alerts_of(check(behaviour=behaving()), ())
    trifle = behaving().shifts[0].model_copy(update={"live": 0.105, "moved": False})
    (closed,) = alerts_of(check(1, behaviour=Behaviour(alpha=0.003, shifts=(trifle,))), opened)
    assert closed.state == "closed"


@pytest.mark.parametrize("name", PARTS)
def test_what_was_not_measured_stays_as_it_was(name):
    opened = alerts_of(check(**{name: PARTS[name]()}), ())
    (kept,) = alerts_of(check(1), opened)
    assert kept == opened[0]


def test_a_closed_alert_that_nobody_was_told_of_is_kept():
    opened = alerts_of(check(inputs=inputs()), ())
    closed = alerts_of(check(1, inputs=inputs(moved=False)), opened)
    assert alerts_of(check(2, inputs=inputs(moved=False)), closed) == closed


def test_an_alert_that_was_told_is_not_told_again_while_it_lasts():
    (opened,) = alerts_of(check(inputs=inputs()), ())
    told = opened.model_copy(update={"delivered": START})
    (lasting,) = alerts_of(check(1, inputs=inputs()), (told,))
    assert lasting.delivered == START
    (closed,) = alerts_of(check(2, inputs=inputs(moved=False)), (lasting,))
    assert closed.delivered is None


def event(alert_id, state, factor, by=MONITOR, version="v"):
    evidence = {"alert_id": alert_id, "signal": "inputs", "state": state, "audit_factor": factor}
    return DeploymentEvent(
        task="t", revision=0, at=START, kind="alert", by=by, reason="", version=version, evidence=evidence
    )


@pytest.mark.parametrize(
    ("events", "factor"),
    [
        ([], 1.0),
        ([event("a", "open", 4.0)], 4.0),
        ([event("a", "open", 4.0), event("a", "closed", 4.0)], 1.0),
        ([event("a", "open", 4.0), event("b", "open", 2.0), event("a", "closed", 4.0)], 2.0),
        ([event("a", "open", 1.0)], 1.0),
        ([event("a", "open", 4.0, by="gateway")], 1.0),
        ([event("a", "open", 4.0, version="the one before")], 1.0),
    ],
)
def test_open_alerts_ask_for_more_audits_and_closed_ones_no_more(events, factor):
    assert audit_factor(events, "v") == factor
