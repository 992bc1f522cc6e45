"""What one step of the ladder decides, for every kind of evidence and every word of the anchors."""

from datetime import UTC, datetime, timedelta

import pytest

from insource.config.rollout import RolloutSection
from insource.lifecycle.rollout import audit_probability, evidence_of, next_step, slo_of
from insource.lifecycle.transitions import advanced, in_canary, nothing_deployed, promoted, widened
from insource.types.deployment import Audit, Version

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECTION = RolloutSection(slo=0.05, margin=0.03, alpha=0.01)
VERSION = Version(
    name="specs@a", task="specs", run_id="a", arm="t", digest="d", policy_digest="p", max_error=0.1
)


def audits(wrong, right, step=1, source="canary", **more):
    return [
        Audit(
            task="specs",
            version="specs@a",
            call_id=str(i),
            at=NOW,
            source=source,
            wrong=i < wrong,
            step=step,
            **more,
        )
        for i in range(wrong + right)
    ]


def in_stage(share=0.05, since=timedelta(hours=1)):
    deployed = in_canary(nothing_deployed("specs", NOW - since), VERSION, share, NOW - since)
    return deployed.model_copy(update={"revision": 1, "step_revision": 1})


def decided(found, deployment=None, cause=None, section=SECTION):
    deployment = deployment or in_stage()
    evidence = evidence_of(found, 0.05, section, step=deployment.step_revision)
    in_canary_now = deployment.stage == "canary"
    return next_step(deployment, evidence, section, NOW, in_canary=in_canary_now, cause=cause)


@pytest.mark.parametrize(
    ("wrong", "right", "move"),
    [(0, 0, "hold"), (0, 300, "advance"), (12, 12, "roll-back"), (5, 95, "hold")],
)
def test_evidence_moves_and_its_lack_holds(wrong, right, move):
    assert decided(audits(wrong, right)).move == move


def test_each_step_has_to_be_shown_safe_anew_but_harm_is_never_forgotten():
    at_the_next = in_stage(0.25).model_copy(update={"step_revision": 2})
    assert decided(audits(0, 300, step=1), at_the_next).move == "hold"
    assert decided(audits(0, 300, step=2), at_the_next).move == "advance"
    spread = audits(6, 6, step=1) + audits(6, 6, step=2)
    assert decided(spread, at_the_next).move == "roll-back"


def test_the_last_step_promotes_and_the_ladder_is_the_configured_one():
    assert decided(audits(0, 300), in_stage(1.0)).move == "promote"
    shares, share = [], 0.01
    while (step := decided(audits(0, 300), in_stage(share))).move == "advance":
        share = step.share
        shares.append(share)
    assert shares == [0.05, 0.25, 0.5, 1.0]


def test_a_canary_of_some_calls_is_tried_on_all_of_them_before_it_is_promoted():
    some = in_stage(1.0).model_copy(update={"only": {"feature": "search"}})
    step = decided(audits(0, 300), some)
    assert (step.move, step.share) == ("widen", 0.01)
    wide = widened(some, step.share, NOW)
    assert (wide.only, wide.share, wide.step_revision) == ({}, 0.01, some.revision + 1)


@pytest.mark.parametrize("since", [timedelta(seconds=5), timedelta(hours=-2)])
def test_a_step_lasts_its_time_even_when_the_clock_was_set_back(since):
    assert decided(audits(0, 300), in_stage(since=since)).move == "hold"


@pytest.mark.parametrize(
    ("cause", "move"), [(None, "roll-back"), ("local", "roll-back"), ("cloud", "hold"), ("open", "hold")]
)
def test_with_anchors_only_trouble_of_the_local_model_rolls_back(cause, move):
    step = decided(audits(20, 10), cause=cause)
    assert step.move == move
    assert "20 of 30" in step.reason


def test_an_open_question_holds_the_step():
    assert decided(audits(0, 300), cause="open").move == "hold"
    assert decided(audits(0, 300), cause="cloud").move == "advance"


@pytest.mark.parametrize("change", [{"served": False}, {"source": "shadow"}])
def test_only_audits_of_served_answers_are_evidence(change):
    found = audits(20, 10, **{"source": "canary", **change})
    evidence = evidence_of(found, 0.05, SECTION, step=1)
    assert (evidence.harm_n, evidence.safe_n) == (0, 0)
    assert decided(found).move == "hold"


def test_a_champion_that_was_good_for_long_is_still_withdrawn_soon():
    champion = promoted(in_stage(1.0), NOW)
    healthy = audits(40, 1960, source="live")
    assert decided(healthy, champion).move == "hold"
    bad = [one.model_copy(update={"wrong": i % 4 == 0}) for i, one in enumerate(audits(0, 120))]
    assert decided(healthy + bad, champion).move == "roll-back"


def test_the_accepted_share_is_the_promise_unless_configured():
    assert slo_of(VERSION, RolloutSection()) == 0.1
    assert slo_of(VERSION, RolloutSection(slo=0.02)) == 0.02


def test_the_audited_share_of_all_calls_is_the_same_at_every_step():
    assert [audit_probability(SECTION, share) for share in (0, 0.01, 0.05, 0.5, 1.0)] == [0, 1, 1, 0.1, 0.05]


def test_figures_of_evidence_are_json():
    figures = evidence_of(audits(3, 0), 0.05, SECTION, step=1).figures()
    assert figures["harm_wrong"] == 3
    assert all(isinstance(value, str) or abs(value) < 1e9 for value in figures.values())


def test_a_step_keeps_its_callers():
    before = in_stage(0.01)
    assert advanced(before, 0.05, NOW).salt == before.salt


@pytest.mark.parametrize(
    "shares", [(), (0.5,), (0.5, 0.2, 1.0), (0.0, 1.0), (0.5, 0.5, 1.0)], ids=lambda shares: str(shares)
)
def test_a_ladder_that_does_not_rise_to_all_calls_is_refused(shares):
    with pytest.raises(ValueError, match="shares must rise"):
        RolloutSection(shares=shares)
