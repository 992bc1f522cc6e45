"""Go, no-go or undecided: only real answers of a cloud decide, and the weakest comparison counts."""

import pytest

from insource.config.decision import DecisionSection
from insource.decision.cost import weigh
from insource.decision.verdict import conclude
from insource.evaluation.scoring.text import rests_on
from insource.evaluation.stage import Evaluated
from insource.types import Arm, BreakEven, Comparison, Estimate, Evaluation
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


def economics(volume=10_000.0, reason="fixed cost over the saving"):
    return BreakEven(
        cloud_per_1000_usd=30,
        local_per_1000_usd=1,
        fixed_monthly_usd=400,
        documents_per_month=volume,
        capacity_documents_per_month=None,
        reason=reason,
        sentence="",
        assumptions=(),
    )


def decide(arms, comparisons, *, even=None, volume=50_000):
    return conclude(arms, comparisons, even or economics(), chosen="tuned", volume=volume)


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
    found = decide((TUNED, GPT), (against(GPT, "better"),), volume=100)
    assert found.outcome == "no-go"
    assert "100 documents a month are fewer than the 10,000" in found.sentence


def test_open_economics_are_said_in_a_go():
    even = economics(None, "the cloud's price is unknown")
    found = decide((TUNED, GPT), (against(GPT, "not worse"),), even=even)
    assert found.outcome == "go"
    assert "the cloud's price is unknown" in found.sentence


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


def test_a_cloud_cheaper_than_the_electricity_is_a_no_not_an_open_question():
    even = economics(volume=None, reason="the cloud costs less than the electricity of the local model")
    even = even.model_copy(update={"never": True})
    found = decide((TUNED, GPT), (against(GPT, "better"),), even=even)
    assert found.outcome == "no-go"
    assert "electricity" in found.sentence


def test_an_engine_too_slow_for_the_volume_is_no_go_ahead():
    even = economics().model_copy(update={"capacity_documents_per_month": 20_000})
    found = decide((TUNED, GPT), (against(GPT, "better"),), even=even, volume=50_000)
    assert found.outcome == "undecided"
    assert "20,000" in found.sentence


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
    gpt = GPT.model_copy(update={"cost_per_1000_usd": cloud_usd})
    ones = [Evaluated(None, example_evaluation(one), ()) for one in (arm, gpt)]
    even = weigh(DecisionSection(), ones, arm.name)
    comparison = against(gpt, outcome).model_copy(update={"candidate": arm.name})
    return conclude((arm, gpt), (comparison,), even, chosen=arm.name, volume=50_000)


def example_evaluation(arm):
    return Evaluation(arm=arm, split="test", n=0, scored=0, failed=0, unscored=0, metrics={}, fields=())


@pytest.mark.parametrize(
    ("cloud_usd", "outcome", "verdict", "said"),
    [
        (30.0, "not worse", "go", "mini asked costs $3.00 for 1,000 documents, and the cloud $30.00"),
        (3.0, "not worse", "go", "the cloud $3.00"),
        (1.0, "not worse", "no-go", "not worth it: it costs $3.00"),
        (1.0, "better", "undecided", "it costs $3.00 for 1,000 documents, and the cloud $1.00"),
        (None, "better", "go", "Its economics are open: the cloud's price is unknown"),
        (30.0, "worse", "no-go", "Stay with gpt: the candidate mini asked (other cloud) is worse."),
    ],
)
def test_a_candidate_that_runs_elsewhere_is_judged_by_the_two_prices(cloud_usd, outcome, verdict, said):
    found = of(TIER, cloud_usd, outcome)
    assert found.outcome == verdict
    assert said in found.sentence
    for local in ("electricity", "latency", "break even", "training", "month"):
        assert local not in " ".join((found.sentence, *found.flips_if))


def test_a_price_that_nobody_knows_leaves_the_economics_open():
    found = of(TIER.model_copy(update={"cost_per_1000_usd": None}), 30.0, "not worse")
    assert "the price of mini asked is unknown" in found.sentence


def test_agreement_is_never_said_as_accuracy():
    gold = GoldSource(kind="agreement", people=0, teachers={"gpt": 40})
    found = conclude(
        (TUNED, GPT), (against(GPT, "not worse"),), economics(), chosen="tuned", volume=1e6, gold=gold
    )
    assert gold.sentence in found.sentence
    checked = GoldSource(kind="accuracy", people=40)
    found = conclude(
        (TUNED, GPT), (against(GPT, "not worse"),), economics(), chosen="tuned", volume=1e6, gold=checked
    )
    assert "labels of all" not in found.sentence


def test_a_text_task_says_what_its_verdict_rests_on():
    rests = rests_on("chrf")
    found = conclude(
        (TUNED, GPT), (against(GPT, "not worse"),), economics(), chosen="tuned", volume=1e6, rests_on=rests
    )
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
    found = conclude((GPT,), (), economics(), chosen="mini asked", volume=1.0)
    assert found.outcome == "undecided"
    assert found.sentence == "mini asked was chosen, but it answered no test document."
