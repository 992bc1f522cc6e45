"""Go, no-go or undecided: only real answers of a cloud decide, and the weakest comparison counts."""

import pytest
from support.made_economics import bare, cloud, priced, spread, stated, tuned

from insource.decision.economics.options import switch
from insource.decision.economics.prices import UnknownPrice
from insource.decision.economics.weigh import weigh
from insource.decision.verdict import conclude
from insource.evaluation.scoring.text import rests_on
from insource.types import Arm, Comparison, Estimate
from insource.types.comparison import Adjusted, RequiredSample, Standing
from insource.types.gold import GoldSource

TUNED = Arm(name="tuned", model="m", kind="tuned")
BASE = Arm(name="base", model="m", kind="base")
GPT = Arm(name="gpt", model="gpt", kind="cloud")
CLAUDE = Arm(name="claude", model="claude", kind="cloud")
FAKE = Arm(name="fake", model="fake", kind="simulated")


def against(baseline, outcome, *, allowed=True, required_n=None):
    return Comparison(
        candidate="tuned",
        baseline=baseline.name,
        metric="field_accuracy",
        n=40,
        candidate_value=Estimate(value=0.9),
        baseline_value=Estimate(value=0.9),
        difference=Estimate(value=0.0),
        better=1,
        worse=1,
        same=38,
        p_value=None,
        test="t",
        margin=0.02,
        outcome=outcome,
        verdict_allowed=allowed,
        required_n=required_n,
        sentence=f"tuned against {baseline.name}: {outcome}",
    )


def economics(volume=200_000, usd=30, given=stated, **keys):
    """The tuned model against a cloud at this price for 1,000 documents."""
    world = given(documents_per_month=volume, **keys)
    return weigh(tuned(world), cloud(usd, "gpt"), world, seed=0, draws=200)


def decide(arms, comparisons, *, even=None):
    return conclude(arms, comparisons, even or economics(), chosen="tuned")


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [("better", "go"), ("not worse", "go"), ("inconclusive", "undecided"), ("worse", "no-go")],
)
def test_the_comparison_with_the_cloud_decides(outcome, verdict):
    found = decide((TUNED, GPT), (against(GPT, outcome),))
    assert found.outcome == verdict
    assert found.reasons == (f"tuned against gpt: {outcome}",)
    assert found.flips_if


def test_among_several_clouds_it_has_to_hold_against_each():
    found = decide((TUNED, GPT, CLAUDE), (against(GPT, "better"), against(CLAUDE, "worse")))
    assert found.outcome == "no-go"
    assert "claude" in found.sentence


def test_a_simulated_cloud_never_carries_a_verdict():
    found = decide((TUNED, BASE, FAKE), (against(BASE, "better"), against(FAKE, None, allowed=False)))
    assert found.outcome == "undecided"
    assert "only simulated" in found.sentence
    assert all("fake" not in reason for reason in found.reasons)


def test_no_cloud_leaves_it_open_however_good_the_model_is():
    found = decide((TUNED, BASE), (against(BASE, "better"),))
    assert found.outcome == "undecided"
    assert found.sentence.startswith("The tuned model is better than every baseline.")
    assert "no cloud answers were measured" in found.sentence


@pytest.mark.parametrize("outcome", ["not worse", "worse", "inconclusive"])
def test_the_base_comparison_is_said_as_it_is(outcome):
    sentence = decide((TUNED, BASE), (against(BASE, outcome),)).sentence
    assert "pays" not in sentence


def test_a_tuned_model_measured_alone():
    assert "measured alone" in decide((TUNED,), ()).sentence


def test_too_few_documents_to_break_even_is_a_no():
    found = decide((TUNED, GPT), (against(GPT, "not worse"),), even=economics(100))
    assert found.outcome == "no-go"
    assert "has paid back within 36 months in 0% of the draws" in found.sentence
    assert "there it pays" in found.flips_if[0]


def test_open_economics_are_no_go():
    """As good as the cloud, at a price that nobody knows: a go would rest on a missing input."""
    world = stated()
    unknown = switch("gpt", UnknownPrice(reason="the price of gpt: no call has a cost"), world)
    even = weigh(tuned(world), unknown, world, seed=0)
    found = decide((TUNED, GPT), (against(GPT, "not worse"),), even=even)
    assert found.outcome == "undecided"
    assert "whether it pays is unknown: the price of gpt: no call has a cost" in found.sentence


def test_an_inconclusive_test_says_how_many_documents_would_settle_it():
    found = decide((TUNED, GPT), (against(GPT, "inconclusive", required_n=1234),))
    assert "1,234" in found.sentence


def test_what_is_not_comparable_is_undecided_and_says_why():
    reason = "the cloud was never offered 12 labels."
    comparison = against(GPT, "not comparable").model_copy(update={"not_comparable": reason})
    found = decide((TUNED, GPT), (comparison,))
    assert found.outcome == "undecided"
    assert reason in found.sentence


def test_the_sample_that_decides_is_in_the_unit_that_counts():
    needed = RequiredSample(unit="groups", low=7, expected=9, high=21)
    comparison = against(GPT, "inconclusive").model_copy(update={"required": needed})
    assert "It takes about 9 groups in all (7 to 21)." in decide((TUNED, GPT), (comparison,)).sentence


def test_without_a_tuned_model_there_is_nothing_to_decide():
    assert decide((GPT,), ()).outcome == "undecided"


def test_a_payback_as_likely_as_not_is_undecided():
    world = stated(documents_per_month=200_000).model_copy(
        update={"documents_per_month": spread("documents_per_month", 200_000, 1_000, 400_000, "uniform")}
    )
    even = weigh(tuned(world), cloud(7, "gpt"), world, seed=0, draws=2_000)
    assert 0.2 < even.payback_probability.value < 0.8
    found = decide((TUNED, GPT), (against(GPT, "not worse"),), even=even)
    assert found.outcome == "undecided"
    assert "whether it pays is open" in found.sentence


def test_a_model_that_is_better_and_does_not_pay_is_for_a_person_to_decide():
    found = decide((TUNED, GPT), (against(GPT, "better"),), even=economics(100))
    assert found.outcome == "undecided"
    assert "Whether it is worth that is for you to say" in found.sentence
    assert "decision.error_usd" in found.flips_if[0]


@pytest.mark.parametrize(("price", "verdict"), [(0, "undecided"), (1_000, "go")])
def test_machines_that_nobody_paid_for_are_no_go_ahead(price, verdict):
    even = economics(5_000_000, given=bare, hardware_usd=price)
    assert even.costs.machines > 1
    found = decide((TUNED, GPT), (against(GPT, "not worse"),), even=even)
    assert found.outcome == verdict
    assert ("none is paid for" in found.sentence) == (verdict == "undecided")


TIER = Arm(
    name="mini asked",
    model="mini",
    kind="other cloud",
    role="candidate",
    cost_per_1000_usd=3.0,
    cost_basis="list",
)
SPANS = Arm(name="span ranking", model="spans", kind="classical fields", role="candidate", local=True)


def adjusted(comparison, outcome):
    return comparison.model_copy(
        update={
            "adjusted": Adjusted(
                family=3,
                method="Holm",
                difference=comparison.difference,
                p_value=0.2,
                p_not_worse=0.2,
                outcome=outcome,
            )
        }
    )


def of(arm, cloud_usd, outcome):
    """The verdict about an arm that runs elsewhere, with its economics as they are computed."""
    world = stated(documents_per_month=1_000_000)
    price = UnknownPrice(reason=f"the price of {arm.name}: nobody states it")
    if arm.cost_per_1000_usd is not None:
        price = priced(arm.cost_per_1000_usd, arm.name)
    even = weigh(switch(arm.name, price, world), cloud(cloud_usd, "gpt"), world, seed=0, draws=200)
    comparison = against(GPT, outcome).model_copy(update={"candidate": arm.name})
    return conclude((arm, GPT), (comparison,), even, chosen=arm.name)


@pytest.mark.parametrize(
    ("cloud_usd", "outcome", "verdict", "said"),
    [
        (30.0, "not worse", "go", "It has paid back against gpt within 36 months in 100% of the draws"),
        (3.0, "not worse", "no-go", "in 0% of the draws"),  # the move is not free
        (1.0, "not worse", "no-go", "not worth it: against gpt it has paid back"),
        (1.0, "better", "undecided", "is better than gpt, but does not pay"),
        (30.0, "worse", "no-go", "Stay with gpt: the candidate mini asked (other cloud) is worse."),
    ],
)
def test_a_candidate_that_runs_elsewhere_is_judged_by_its_price(cloud_usd, outcome, verdict, said):
    found = of(TIER, cloud_usd, outcome)
    assert found.outcome == verdict
    assert said in found.sentence
    for local in ("electricity", "engineering", "training"):
        assert local not in " ".join((found.sentence, *found.flips_if))


def test_a_price_that_nobody_knows_leaves_the_economics_open():
    found = of(TIER.model_copy(update={"cost_per_1000_usd": None}), 30.0, "not worse")
    assert found.outcome == "undecided"
    assert "the price of mini asked: nobody states it" in found.sentence


def test_agreement_is_never_said_as_accuracy():
    gold = GoldSource(kind="agreement", people=0, teachers={"gpt": 40})
    found = conclude((TUNED, GPT), (against(GPT, "not worse"),), economics(), chosen="tuned", gold=gold)
    assert gold.sentence in found.sentence
    checked = GoldSource(kind="accuracy", people=40)
    found = conclude((TUNED, GPT), (against(GPT, "not worse"),), economics(), chosen="tuned", gold=checked)
    assert "labels of all" not in found.sentence


def test_a_text_task_says_what_its_verdict_rests_on():
    rests = rests_on("chrf")
    found = conclude((TUNED, GPT), (against(GPT, "not worse"),), economics(), chosen="tuned", rests_on=rests)
    assert found.sentence.endswith("No person compared the answers.")


def test_another_candidate_that_did_better_on_the_test_documents_is_named_as_exploratory():
    better = adjusted(against(SPANS, "worse"), "worse")
    found = decide((TUNED, SPANS, GPT), (against(GPT, "better"), better))
    assert found.outcome == "go"
    assert "span ranking did better; that is exploratory" in found.sentence
    unsure = adjusted(against(SPANS, "worse"), "inconclusive")
    assert "span ranking" not in decide((TUNED, SPANS, GPT), (against(GPT, "better"), unsure)).sentence


def test_one_of_several_clouds_that_looks_better_by_chance_stops_nothing_for_good():
    unsure = adjusted(against(CLAUDE, "worse"), "inconclusive")
    assert decide((TUNED, GPT, CLAUDE), (against(GPT, "better"), unsure)).outcome == "undecided"
    sure = adjusted(against(CLAUDE, "worse"), "worse")
    assert decide((TUNED, GPT, CLAUDE), (against(GPT, "better"), sure)).outcome == "no-go"


def test_the_hardest_of_several_clouds_is_named_and_the_others_too():
    found = decide((TUNED, GPT, CLAUDE), (against(GPT, "better"), against(CLAUDE, "not worse")))
    assert "is not worse than claude within the margin, and it holds against gpt, too." in found.sentence


@pytest.mark.parametrize(("kind", "said"), [("exploratory", True), ("confirmatory", False)])
def test_an_exploratory_decision_says_so(kind, said):
    standing = Standing(kind=kind, reason="tuned was evaluated on test documents 2 times")
    comparison = against(GPT, "better").model_copy(update={"standing": standing})
    sentence = decide((TUNED, GPT), (comparison,)).sentence
    assert ("This is exploratory: tuned was evaluated" in sentence) == said


def test_a_chosen_arm_without_a_test_document_is_named():
    found = conclude((GPT,), (), economics(), chosen="mini asked")
    assert found.outcome == "undecided"
    assert found.sentence == "mini asked was chosen, but it answered no test document."
