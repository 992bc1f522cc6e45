"""Laws of every decision: the order of the options, money that adds up, sentences made from figures."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.planted_ladders import answers, cloud_arm, decided, hosted_arm, ladder, own_arm
from support.planted_logs import orders, the_profile

from insource.decision.advice.facts import Offer
from insource.decision.economics.prices import UnknownPrice
from insource.foundation.errors import UserError
from insource.types import Estimate
from insource.types.decided import Decision, NextExperiment

ORDER = ("holds", "open", "fails", "ruled out")


def measured(cloud=0.93, tuned=0.95, grams=0.95, mini=0.9, usd=8.0, mini_usd=1.0, **more):
    return ladder(
        (cloud_arm(usd=usd), answers(cloud, seed="gpt")),
        (own_arm(), answers(tuned, seed="tuned", seconds=0.3)),
        (own_arm("n-grams", "classical labels"), answers(grams, seed="grams", seconds=0.002)),
        (hosted_arm(usd=mini_usd), answers(mini, seed="mini")),
        **more,
    )


share = st.floats(0.5, 0.99)
price = st.floats(0.01, 50)
volume = st.integers(100, 5_000_000)


@settings(max_examples=8, deadline=None)
@given(share, share, share, share, price, price, volume)
def test_the_order_is_by_standing_and_then_by_what_is_saved(
    cloud, tuned, grams, mini, usd, mini_usd, documents
):
    found = decided(measured(cloud, tuned, grams, mini, usd, mini_usd), documents_per_month=documents)
    places = [ORDER.index(one.standing) for one in found.options]
    assert places == sorted(places)
    for one, other in pairwise(found.options):
        same = one.standing == other.standing and looks_worse(one) == looks_worse(other)
        if same and one.saves.measured and other.saves.measured:
            assert one.saves.value >= other.saves.value
        assert looks_worse(one) <= looks_worse(other) or one.standing != other.standing
    assert not found.first.dominated_by or found.first.standing != "holds"
    for one in found.options:
        for costs in (one.economics.costs, one.economics.against_costs) if one.economics else ():
            if costs is not None:
                assert costs.month_usd == sum(line.usd for line in costs.month)


def looks_worse(option):
    """Open, and by its estimate worse than today's way by more than the margin of these ladders."""
    difference = option.difference.value
    return option.standing == "open" and difference is not None and difference < -0.02


@settings(max_examples=5, deadline=None)
@given(volume, st.floats(1, 20))
def test_more_volume_never_makes_a_document_answered_here_dearer(documents, factor):
    """Without a machine to buy: a second one is bought whole."""
    cost = [
        next(one for one in found.options if one.name == "tuned").cost_per_1000_correct_usd.value
        for found in (
            decided(measured(), documents_per_month=documents),
            decided(measured(), documents_per_month=documents * factor),
        )
    ]
    assert cost[1] <= cost[0] * (1 + 1e-9)


@pytest.mark.parametrize(
    ("keys", "more", "changed"),
    [
        ({"documents_per_month": 3_000_000}, {}, "cost $24,000.00 with gpt"),
        ({}, {"usd": 4.0}, "cost $6,000.00 with gpt"),
        ({"need_s": 0.1}, {}, "callers accept 0.1 s"),
        ({"build_hours": 40, "evaluation_hours": 10}, {}, "has paid back its $5,000.00"),
        ({"horizon_months": 12}, {}, "within 12 months"),
        ({}, {"tuned": 0.5}, "Stay with gpt: the tuned model is worse."),
        ({}, {"train": 20}, "There are 20 usable inputs; 300 are a start."),
    ],
)
def test_one_input_changes_the_sentences_that_rest_on_it(keys, more, changed):
    rows = more.pop("train", None)
    before = decided(measured(), documents_per_month=1_500_000)
    facts = measured(**more)
    after = decided(
        facts if rows is None else facts._replace(train_rows=rows),
        **({"documents_per_month": 1_500_000} | keys),
    )
    assert not any(changed in one for one in sentences(before))
    assert any(changed in one for one in sentences(after))


def sentences(found):
    """Every sentence of a decision."""
    return [
        found.verdict.sentence,
        *found.verdict.reasons,
        *found.verdict.flips_if,
        *(one.sentence for one in found.kills),
        *(one.sentence for one in found.questions),
        *(one.why for one in found.options),
        *(flip.sentence for one in found.options for flip in one.flips),
        *(text for one in found.options if one.economics for text in one.economics.sentences),
    ]


def test_the_same_facts_give_the_same_decision_and_it_is_read_back_as_it_was_written():
    found = [decided(measured(), documents_per_month=200_000) for _ in range(2)]
    assert found[0] == found[1]
    assert Decision.model_validate_json(found[0].model_dump_json()) == found[0]


@pytest.mark.parametrize(
    ("gates", "met"),
    [
        (("difference.low > -0.5", "p95_s < 1"), [True, True]),
        (("cost_per_1000_correct < 0.001",), [False]),
        (("saves.value > 0 and payback_probability > 0.5",), [True]),
        (("break_even < volume",), [True]),
    ],
)
def test_gates_are_about_the_candidate(gates, met):
    found = decided(measured(), documents_per_month=1_500_000, gates=gates)
    assert [one.met for one in found.gates] == met


def test_a_gate_on_what_nobody_measured_is_undecided_and_one_that_names_nothing_an_error():
    profile = the_profile(orders())
    assert decided(profile=profile, gates=("difference.low > 0",)).gates[0].met is None
    with pytest.raises(UserError, match="there is no `wonders`") as error:
        decided(profile=profile, gates=("wonders > 0",))
    assert "cost_per_1000_correct" in error.value.hint


def test_an_arm_slower_than_callers_accept_is_ruled_out_with_both_figures():
    found = decided(measured(), documents_per_month=1_500_000, need_s=0.1)
    (slow,) = [one for one in found.options if one.name == "tuned"]
    assert slow.standing == "ruled out"
    assert "0.3 s" in slow.why


def test_no_price_leaves_every_figure_unknown_and_says_what_to_give():
    facts = measured()
    today = facts.arms[0].evaluation
    unpriced = today.model_copy(update={"arm": today.arm.model_copy(update={"cost_per_1000_usd": None})})
    facts = facts._replace(arms=(facts.arms[0]._replace(evaluation=unpriced), *facts.arms[1:]))
    found = decided(facts)
    assert found.verdict.outcome == "undecided", "what nobody knows is no go"
    assert "whether it pays is unknown: the price of gpt" in found.verdict.sentence
    assert not any(one.saves.measured for one in found.options if one.kind != "keep")
    assert "cost_per_1000_usd under [reference]" in found.next.command


def test_the_cheapest_experiment_comes_first_and_a_kill_needs_no_measurement():
    deeper = tuple(
        NextExperiment(
            depth="ladder",
            command=name,
            settles="x",
            minutes=Estimate(value=minutes),
            usd=Estimate(value=usd),
        )
        for name, minutes, usd in (("dear", 1.0, 5.0), ("slow", 60.0, 0.0), ("quick", 10.0, 0.0))
    )
    profile = the_profile(orders(a_day=40))
    busy = decided(profile=profile, deeper=deeper, documents_per_month=5_000_000)
    assert busy.next.command == "quick"
    assert decided(profile=profile, deeper=deeper, documents_per_month=10).next is None


def test_an_offer_of_unknown_price_is_carried_through_by_name():
    offer = Offer("cheaper tier", "nano", UnknownPrice(reason="the price of nano: no list has it"), "x")
    found = decided(measured(), offers=(offer,), documents_per_month=1_500_000)
    (nano,) = [one for one in found.options if one.name == "nano"]
    assert nano.unknown == ("the price of nano: no list has it",)
    assert nano.economics.sentences == (
        "Whether nano pays against gpt is unknown: the price of nano: no list has it.",
    )


def test_a_dominated_option_names_what_dominates_it():
    found = decided(measured(tuned=0.90, grams=0.97), documents_per_month=1_500_000)
    (tuned,) = [one for one in found.options if one.name == "tuned"]
    assert tuned.dominated_by == "n-grams"
