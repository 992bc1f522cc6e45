"""No sentence of a decision contradicts its own figures, and none rests on what nobody knows."""

import pytest
from support.planted_causes import mix_of
from support.planted_ladders import answers, cloud_arm, decided, hosted_arm, ladder, own_arm
from support.planted_logs import orders, the_profile, tickets

from insource.cli.decide import exit_code
from insource.decision.advice.kills import _share
from insource.types import Estimate
from insource.types.gold import GoldSource
from insource.types.log_profile import Narrowness

BUSY = {"documents_per_month": 1_500_000}
TEACHER = GoldSource(kind="agreement", people=0, teachers={"gpt": 400})


def against_gpt(*others, cloud=0.93, usd=8.0, simulated=False, **more):
    return ladder((cloud_arm(usd=usd, simulated=simulated), answers(cloud, seed="gpt")), *others, **more)


def tuned(accuracy=0.95, seconds=0.3):
    return own_arm(), answers(accuracy, seed="tuned", seconds=seconds)


@pytest.mark.parametrize("local_only", [False, True])
@pytest.mark.parametrize("need_s", [None, 0.1])
@pytest.mark.parametrize("accuracy", [0.7, 0.95])
@pytest.mark.parametrize("volume", [100, 1_500_000])
def test_a_verdict_never_says_to_do_what_is_ruled_out(local_only, need_s, accuracy, volume):
    found = decided(
        against_gpt(tuned(accuracy)), local_only=local_only, need_s=need_s, documents_per_month=volume
    )
    banned = {one.name for one in found.options if one.standing == "ruled out"}
    if found.headline in banned:
        assert found.verdict.outcome != "go"
    if local_only:
        assert "Stay with" not in found.verdict.sentence
        assert "stay with" not in found.verdict.sentence
        assert "pay" not in found.verdict.sentence, "the price of what may not be asked decides nothing"
    if found.first.standing != "holds":
        assert "Use the" not in found.verdict.sentence


@pytest.mark.parametrize("cause", ["unparseable", "not-in-input", "needs-computation"])
def test_what_mends_a_cloud_that_may_not_be_asked_is_no_advice(cause):
    found = decided(against_gpt(tuned(), mixes=[mix_of(cause, cloud_arm())]), local_only=True, **BUSY)
    assert found.verdict.outcome == "go"
    assert not [one for one in found.kills if one.met]
    assert found.first.name == "tuned"


def test_a_candidate_that_is_too_slow_is_no_go_and_its_gates_do_not_pass():
    found = decided(against_gpt(tuned()), need_s=0.1, gates=["difference.low > -0.5"], **BUSY)
    assert found.verdict.outcome == "no-go"
    assert "tuned is ruled out: its 95th percentile is above 0.3 s" in found.verdict.sentence
    assert [one.met for one in found.gates] == [True]
    assert exit_code(found) == 3
    assert next(one for one in found.questions if one.key == "speed").answer == "no"


def test_a_cache_is_not_slower_than_what_it_caches():
    """Today's latency is above what callers accept: that is no reason against today's answers for less."""
    calls = [
        *tickets(a_day=10),
        *(one.model_copy(update={"call_id": f"x{one.call_id}"}) for one in tickets(a_day=10)),
    ]
    found = decided(profile=the_profile(calls), need_s=0.1)
    (cache,) = [one for one in found.options if one.kind == "cache"]
    assert cache.standing == "holds"


def test_fewer_errors_may_pay_where_an_error_has_a_cost():
    """2,000 documents cost $16 to answer and $7,000 in errors: the best imaginable model makes none."""
    measured = against_gpt((own_arm(), answers(0.999, seed="tuned")))
    found = decided(measured, documents_per_month=2_000, error_usd={"wrong": 50})
    (volume,) = [one for one in found.kills if one.name == "volume"]
    assert volume.met is False
    assert "A model without an error" in volume.sentence
    assert found.verdict.outcome == "go"


@pytest.mark.parametrize("volume", [100, 1_500_000])
def test_a_simulated_cloud_never_ends_the_question(volume):
    found = decided(against_gpt(tuned(), simulated=True, usd=30.0), documents_per_month=volume)
    assert found.verdict.outcome == "undecided"
    (kill,) = [one for one in found.kills if one.name == "volume"]
    assert kill.met is None
    assert "simulated" in kill.sentence


def test_a_volume_that_is_assumed_is_said_to_be_and_answers_nothing():
    found = decided(against_gpt(tuned(), usd=1.0))
    (kill,) = [one for one in found.kills if one.name == "volume"]
    assert "50,000 documents a month (assumed; set documents_per_month)" in kill.sentence
    assert next(one for one in found.questions if one.key == "speed").answer == "open"
    stated = decided(against_gpt(tuned(), usd=1.0), documents_per_month=50_000)
    assert "assumed" not in stated.verdict.sentence


@pytest.mark.parametrize(("volume", "answer"), [(1_000, "no"), (75_000, "open"), (10_000_000, "yes")])
def test_a_volume_within_the_interval_of_the_break_even_is_open(volume, answer):
    found = decided(against_gpt(tuned()), documents_per_month=volume)
    needed = found.own.economics.break_even
    assert (volume < needed.low, volume >= (needed.high or float("inf"))) == (answer == "no", answer == "yes")
    assert next(one for one in found.questions if one.key == "speed").answer == answer


def test_agreement_with_the_labelling_model_is_not_called_correct():
    found = decided(against_gpt(tuned(), gold=TEACHER), gates=["cost_per_1000_correct < 100"], **BUSY)
    for one in found.options:
        assert not one.cost_per_1000_correct_usd.measured, one.name
    assert "nobody checked the labels" in found.own.cost_per_1000_correct_usd.note
    assert found.gates[0].met is None
    assert next(one for one in found.questions if one.key == "data").answer == "open"
    checked = TEACHER.model_copy(update={"kind": "accuracy", "people": 400, "teachers": {}})
    found = decided(against_gpt(tuned(), gold=checked), **BUSY)
    assert found.own.cost_per_1000_correct_usd.measured
    assert next(one for one in found.questions if one.key == "data").answer == "yes"


@pytest.mark.parametrize(
    ("schema", "prompt", "met"),
    [
        (Estimate(value=10.0, low=1.0, high=20.0), Estimate(value=6.0, low=5.0, high=7.0), True),
        (Estimate(value=6.0, low=5.0, high=7.0), Estimate(value=10.0, low=1.0, high=20.0), True),
        (Estimate(value=10.0, low=1.0, high=20.0), Estimate(value=2.0, low=0.5, high=4.0), False),
    ],
)
def test_the_change_that_is_surest_decides_on_a_moving_target(schema, prompt, met):
    profile = the_profile(orders(a_day=4))
    narrow = Narrowness(**(dict(profile.narrowness) | {"schema_changes": schema, "prompt_changes": prompt}))
    found = decided(profile=profile.model_copy(update={"narrowness": narrow}), **BUSY)
    (kill,) = [one for one in found.kills if one.name == "moving target"]
    assert kill.met is met


def test_many_wrong_slots_of_one_document_are_no_evidence_about_others():
    mix = mix_of("unparseable", cloud_arm())
    (lever,) = [one for one in mix.levers if one.lever == "constrained decoding"]
    many = mix.model_copy(
        update={"wrong_slots": 40, "levers": (lever.model_copy(update={"slots": 30, "documents": 1}),)}
    )
    assert _share(30, many).low < 0.5, "thirty slots of one document"
    many = many.model_copy(update={"levers": (lever.model_copy(update={"slots": 30, "documents": 30}),)})
    assert _share(30, many).low > 0.5


def test_what_is_open_and_looks_worse_comes_after_what_is_open_and_looks_better():
    """Four documents tell neither from the cloud; that the wrong one costs less is no reason for it."""
    measured = ladder(
        (cloud_arm(), answers(0.5, n=4, seed="gpt")),
        (own_arm(), answers(1.0, n=4, seed="tuned", seconds=3.0)),
        (own_arm("base", "prompted"), answers(0.25, n=4, seed="base", seconds=0.01)),
    )
    names = [one.name for one in decided(measured, **BUSY).options if one.difference.measured]
    assert names == ["tuned", "base"]


def test_a_way_that_was_not_registered_is_confirmed_first():
    endpoint = hosted_arm("decider", usd=0.1, kind="decision model"), answers(0.96, seed="tuned")
    found = decided(against_gpt(tuned(), endpoint), **BUSY)
    assert found.first.name == "decider"
    assert "confirm it on fresh documents" in found.verdict.sentence


def test_the_cascade_of_a_prompted_model_is_not_retrained():
    cascade = own_arm("cascade", "cascade").model_copy(update={"local": False})
    measured = {
        kind: ladder(
            (cloud_arm(), answers(0.93, seed="gpt")),
            tuned(),
            (cascade, answers(0.95, seed="c")),
            kinds={"tuned": kind, "cascade": "cascade"},
        )
        for kind in ("fine-tune", "retrieved few-shot")
    }
    measured = {
        kind: found._replace(
            arms=tuple(
                one._replace(escalated=Estimate(value=0.2, n=400)) if one.kind == "cascade" else one
                for one in found.arms
            )
        )
        for kind, found in measured.items()
    }
    for kind, found in measured.items():
        (option,) = [one for one in decided(found, **BUSY).options if one.kind == "cascade"]
        lines = {line.name: float(line.usd) for line in option.economics.costs.month}
        assert ("retraining" in lines) == (kind == "fine-tune")
        assert lines["cloud calls"] == pytest.approx(0.2 * 12_000), "what is handed on, once"
        assert lines["audit calls"] == pytest.approx(0.8 * 0.01 * 12_000), "of what is answered here"
