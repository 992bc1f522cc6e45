"""The situations that a decision has to get right, each on planted data that is really measured."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from support.made_economics import priced
from support.planted_causes import mix_of
from support.planted_ladders import answers, cloud_arm, decided, hosted_arm, ladder, own_arm
from support.planted_logs import START, Documents, call, orders, the_profile

from insource.config.decision import assumed_keys
from insource.decision.advice.facts import Offer
from insource.types import Arm

GPT = cloud_arm(usd=8.0)
TICKETS = {"documents_per_month": 1_500_000}  # 50,000 a day


def against_gpt(*others, cloud=0.93, usd=8.0, **more):
    return ladder((cloud_arm(usd=usd), answers(cloud, seed="gpt")), *others, **more)


def tuned(accuracy=0.95, seconds=0.3, **more):
    return own_arm(**more), answers(accuracy, seed="tuned", seconds=seconds)


def test_a_hundred_documents_a_month_stay_in_the_cloud():
    """$3 a month never pays for $10,000 of work: 3,333 months."""
    found = decided(against_gpt(tuned(), usd=30.0), documents_per_month=100)
    assert found.verdict.outcome == "no-go"
    assert found.first.kind == "keep"
    assert found.kills[0].name == "volume"
    assert found.kills[0].met
    assert "100 documents a month cost $3.00 with gpt" in found.verdict.sentence
    assert "3,333 months, 278 years" in found.verdict.sentence
    (volume,) = [one for one in found.verdict.flips_if if one.startswith("Documents per month above")]
    needed = float(volume.split()[4].replace(",", ""))
    enough = decided(against_gpt(tuned(), usd=30.0), documents_per_month=needed * 10)
    assert not [one for one in enough.kills if one.met]


def test_the_published_case_of_a_hundred_documents_takes_417_years():
    found = decided(
        against_gpt(tuned(), usd=30.0),
        documents_per_month=100,
        build_hours=150,
        evaluation_hours=0,
        labour_usd_per_hour=100,
    )
    assert "5,000 months, 417 years" in found.verdict.sentence


def test_a_schema_that_changes_every_week_stays_with_prompts():
    documents, calls = Documents(), []
    for number in range(20 * 42):
        text, facts = documents.order()
        week = number // (20 * 7)
        calls.append(call(number, text, json.dumps(facts | {f"field_of_week_{week}": number})))
    found = decided(profile=the_profile(calls))
    assert found.verdict.outcome == "no-go"
    assert found.first.kind == "keep"
    assert [one.name for one in found.kills if one.met][-1] == "moving target"
    assert found.questions[0].answer == "no"


@pytest.mark.parametrize(
    ("cause", "option", "said"),
    [
        ("unparseable", "constrained decoding", "without training"),
        ("not-in-input", "retrieval", "RAG"),
        ("needs-computation", "reasoning field or code", "compute in code"),
    ],
)
def test_errors_of_one_cause_name_their_lever_and_no_training(cause, option, said):
    mix = mix_of(cause, GPT)
    found = decided(against_gpt(tuned(), mixes=[mix]), **TICKETS)
    assert found.verdict.outcome == "no-go"
    assert said in found.verdict.sentence
    (met,) = [one for one in found.kills if one.met]
    assert met.instead == option
    assert found.next.command.startswith("insource")
    assert option.split()[0] in found.next.settles


def test_a_lever_that_was_tried_is_judged_by_its_figures():
    held = hosted_arm("gpt + schema", usd=8.0, kind="cloud + schema")
    measured = against_gpt(tuned(), (held, answers(0.93, seed="held")), mixes=[mix_of("unparseable", GPT)])
    found = decided(measured, **TICKETS)
    assert not [one for one in found.kills if one.met]
    assert found.verdict.outcome == "go"


@pytest.mark.parametrize(("right", "outcome"), [(0.999, "go"), (0.96, "no-go")])
def test_a_lever_says_nothing_against_a_model_as_good_as_the_mended_cloud(right, outcome):
    """The mix is of fields, of which the cloud would have all right without the errors of this cause."""
    mix = mix_of("unparseable", GPT).model_copy(update={"metric": "accuracy"})
    assert mix.levers[0].without.value == 1.0
    found = decided(against_gpt(tuned(right), mixes=[mix]), **TICKETS)
    assert found.verdict.outcome == outcome
    (lever,) = [one for one in found.kills if one.name == "constrained decoding"]
    assert lever.met == (outcome == "no-go")
    assert ("as good as gpt would be" in lever.sentence) == (outcome == "go")


def test_errors_that_training_mends_are_no_reason_against_it():
    found = decided(against_gpt(tuned(), mixes=[mix_of("wrong-choice", GPT)]), **TICKETS)
    assert not [one for one in found.kills if one.met]
    assert found.verdict.outcome == "go"


def test_a_classical_arm_that_ties_is_the_answer():
    grams = own_arm("n-grams", "classical labels"), answers(0.96, seed="tuned", seconds=0.001)
    found = decided(against_gpt(tuned(), grams, chosen="n-grams"), **TICKETS)
    assert found.verdict.outcome == "go"
    assert found.first.kind == "classical"
    assert found.headline == "n-grams"


def test_many_exact_repeats_are_cached_first():
    documents, calls = Documents(), []
    for day in range(30):
        new = [documents.order() for _ in range(12)]
        for place, (text, facts) in enumerate([*new, *new[:8]]):  # eight of twenty a day come again
            calls.append(call(20 * day + place, text, json.dumps(facts), cost_usd=Decimal(1)))
    profile = the_profile(calls)
    assert profile.repetition.exact.value == pytest.approx(0.4, abs=0.01)
    found = decided(profile=profile)
    assert found.first.kind == "cache"
    assert found.verdict.outcome == "undecided"
    assert "Cache exact repeats first: it saves about" in found.verdict.sentence


def test_ticket_routing_is_a_go_at_the_published_prices_and_a_change_of_endpoint_at_a_decision_models():
    """1.5 million tickets a month: $12,000 at $8 for 1,000, about $150 at a decision endpoint."""
    found = decided(against_gpt(tuned()), **TICKETS)
    assert found.verdict.outcome == "go"
    assert "cost $12,000.00" in next(one.sentence for one in found.kills if one.name == "volume")
    endpoint = hosted_arm("decider decisions", usd=0.1, kind="decision model"), answers(0.96, seed="tuned")
    changed = decided(against_gpt(tuned(), endpoint), **TICKETS)
    assert changed.verdict.outcome == "no-go"
    assert changed.first.kind == "decision endpoint"
    assert changed.reference == "decider decisions"
    assert "Change the endpoint: decider decisions" in changed.verdict.sentence


def test_an_endpoint_that_was_not_measured_is_an_option_and_no_reference():
    offer = Offer("decision endpoint", "decider", priced(0.1, "decider"), "it was not measured")
    found = decided(against_gpt(tuned()), offers=(offer,), **TICKETS)
    assert found.verdict.outcome == "go"
    assert ("decider", "its quality is not measured") in found.excluded
    assert next(one for one in found.options if one.kind == "decision endpoint").standing == "open"


def test_a_local_only_task_rules_every_cloud_out():
    found = decided(against_gpt(tuned()), local_only=True, **TICKETS)
    ruled = {one.kind for one in found.options if one.standing == "ruled out"}
    assert {"keep", "cascade", "constrained decoding"} <= ruled
    assert not found.first.leaves
    assert found.questions[3].answer == "yes"


def test_a_local_only_task_without_a_cloud_is_decided_by_its_gates():
    alone = _without_cloud()
    assert decided(alone, local_only=True).verdict.outcome == "undecided"
    assert decided(alone, local_only=True, gates=["quality.low > 0.9"]).verdict.outcome == "go"
    assert decided(alone, local_only=True, gates=["quality.low > 0.99"]).verdict.outcome == "no-go"


def _without_cloud():
    floor = Arm(name="floor", model="floor", kind="floor", role="baseline", local=True)
    found = ladder((floor, answers(0.3, seed="floor")), tuned())
    return found._replace(today="", arms=tuple(one._replace(against=None) for one in found.arms))


def test_an_unfair_cloud_is_repaired_before_anything_is_said():
    reason = "gpt was never offered 12 of the 40 labels: offer them, and measure again."
    found = decided(against_gpt(tuned(), not_comparable=reason), **TICKETS)
    assert found.verdict.outcome == "undecided"
    assert reason in found.verdict.sentence


def test_nobody_is_told_to_stay_with_a_simulated_cloud():
    imitated = cloud_arm(kind="simulated", simulated=True)
    found = decided(ladder((imitated, answers(0.9, seed="gpt")), tuned()), **TICKETS)
    assert found.verdict.outcome == "undecided"
    assert "only simulated" in found.verdict.sentence
    assert "tay with" not in found.verdict.sentence


def test_too_few_test_documents_say_how_many():
    few = ladder((GPT, answers(0.9, n=60, seed="a")), (own_arm(), answers(0.9, n=60, seed="b")))
    found = decided(few, **TICKETS)
    assert found.verdict.outcome == "undecided"
    needed = few.judged[0].required
    assert f"{needed.expected:,} documents in all" in found.verdict.sentence
    assert needed.words in found.next.settles


def test_a_base_too_small_says_larger_base_and_not_no():
    larger = own_arm("base + schema (larger)", "prompted")
    measured = against_gpt(
        tuned(0.70),
        (larger, answers(0.85, seed="larger", seconds=1.0)),
        kinds={larger.name: "larger base"},
    )
    found = decided(measured, **TICKETS)
    assert found.verdict.outcome == "undecided"
    assert "The base is too small" in found.verdict.sentence
    assert larger.name in found.verdict.sentence


def test_the_verdict_flips_with_the_price_where_the_tornado_says():
    """Every input taken as exact, so that the sign of the present value is the verdict."""
    exact = {name: {"distribution": "fixed"} for name in _ranged()}
    keys = TICKETS | {"documents_per_month": 250_000, "ranges": exact}
    dear = decided(against_gpt(tuned(), usd=8.0), **keys)
    assert dear.verdict.outcome == "go"
    (price,) = [one for one in dear.own.flips if one.input == "price of gpt"]
    assert price.side == "below"
    assert 4.0 < price.threshold < 8.0, "half the price has to flip it"
    for usd, verdict in ((price.threshold * 1.01, "go"), (price.threshold * 0.99, "no-go"), (4.0, "no-go")):
        assert decided(against_gpt(tuned(), usd=usd), **keys).verdict.outcome == verdict


def _ranged():
    return [name for name, one in assumed_keys().items() if one.low is not None]


def test_a_log_of_one_day_knows_no_volume_and_no_figure_rests_on_a_guess():
    calls = [
        one.model_copy(update={"started_at": START + timedelta(minutes=n)})
        for n, one in enumerate(orders(a_day=60, days=1))
    ]
    found = decided(profile=the_profile(calls))
    assert found.verdict.outcome == "undecided"
    assert all(not one.saves.measured for one in found.options if one.kind != "keep")
    assert any("the volume" in reason for reason in found.first.unknown)
    assert "documents_per_month" in found.next.command
