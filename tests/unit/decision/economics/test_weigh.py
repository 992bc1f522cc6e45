"""One option against another: the bills, the headline numbers, the sentences, and what is not known."""

from decimal import Decimal

import pytest
from support.made_economics import bare, cloud, number, priced, spread, stated, tuned

from insource.config.decision import DecisionSection
from insource.decision.economics.assumptions import assumptions
from insource.decision.economics.options import cascade, keep, switch
from insource.decision.economics.prices import Saved, UnknownPrice, logged_price
from insource.decision.economics.weigh import weigh
from insource.types import Estimate
from insource.types.economics import Economics


def lines(bill):
    return {line.name: float(line.usd) for line in bill}


FULL = stated(
    documents_per_month=100_000,
    hardware_usd=3_600,
    rent_usd_per_month=50,
    power_watts=200,
    kwh_usd=0.25,
    pue=1.5,
    labour_usd_per_hour=100,
    build_hours=80,
    evaluation_hours=20,
    exit_hours=10,
    label_minutes=3,
    label_usd_per_hour=40,
    audit_share=0.02,
    retrainings_per_year=4,
    retraining_labels=100,
    engineering_usd_per_month=400,
    error_usd={"wrong": 0.5, "invented": 2},
)


def full(given=FULL):
    return tuned(
        given,
        seconds=3.6,
        correct=0.9,
        retrained=True,
        audited_by=priced(20, "audits"),
        labels=number("labels to write", 600),
        training_usd=number("training", 15),
        errors={"wrong": number("wrong of tuned", 0.01), "invented": number("invented of tuned", 0.005)},
    )


def other(**rates):
    rates = {"wrong": 0.02, "invented": 0.001} | rates
    return cloud(30).model_copy(
        update={"errors": {kind: number(f"{kind} of cloud", rate) for kind, rate in rates.items()}}
    )


def test_every_line_of_the_bill_by_hand():
    found = weigh(full(), other(), FULL, seed=1, draws=50)
    costs = found.costs
    assert lines(costs.start) == {"labelling": 600 * 3 / 60 * 40, "labour": 10_000, "training": 15}
    assert lines(costs.end) == {"labour": 1_000}
    assert costs.machines == 1  # 100 hours of work in 730, three times that in the busiest
    assert lines(costs.month) == {
        "audit calls": 100_000 * 0.02 * 0.02,
        "electricity": 100 * 0.2 * 1.5 * 0.25,
        "errors": 100_000 * (0.01 * 0.5 + 0.005 * 2),
        "hardware": 100,
        "rent": 50,
        "running work": 400,
        "retraining": pytest.approx(4 / 12 * (100 * 3 / 60 * 40 + 15), abs=0.005),
    }
    assert lines(found.against_costs.month) == {"cloud calls": 3_000, "errors": 100_000 * (0.01 + 0.002)}
    assert costs.start_usd == sum(line.usd for line in costs.start)
    assert costs.month_usd == sum(line.usd for line in costs.month)
    spread_evenly = (costs.start_usd + costs.end_usd) / 36
    right = (costs.month_usd + spread_evenly) / 100 / Decimal("0.9")
    assert costs.per_1000_correct.value == pytest.approx(float(right), abs=0.001)


def test_a_second_machine_is_bought_when_the_busiest_hours_need_it():
    seconds, given = number("time", 7.3 * 3600), bare(hardware_usd=1_000, documents_per_month=100)
    option = tuned(given).model_copy(update={"machine_seconds": seconds})
    for volume, peak, needed in ((100, 1, 1), (101, 1, 2), (50, 2, 1), (100, 2, 2), (1_000, 1, 10)):
        world = bare(hardware_usd=1_000, documents_per_month=volume, peak_to_mean=peak)
        assert weigh(option, cloud(1), world, seed=1, draws=5).costs.machines == needed


@pytest.mark.parametrize(("life", "bought"), [(12, 3), (36, 1), (72, 0.5), (24, 2 - 0.5)])
def test_machines_are_replaced_and_what_is_left_of_them_is_worth_their_book_value(life, bought):
    given = bare(hardware_usd=1_000, hardware_months=life)
    found = weigh(tuned(given), cloud(0), given, seed=1, draws=5)
    assert float(found.npv_exact_usd) == pytest.approx(-1_000 * bought)


def test_growth_buys_a_machine_on_the_way():
    given = bare(hardware_usd=1_000, hardware_months=240, documents_per_month=100, volume_growth_per_year=1)
    option = tuned(given).model_copy(update={"machine_seconds": number("time", 7.3 * 3600)})
    found = weigh(option, cloud(0), given, seed=1, draws=5)
    months = [month for month, saved in enumerate(found.saving_usd_by_month) if saved < 0]
    assert months[:2] == [0, 1]  # full at first: any growth takes a second machine
    assert len(months) == 8  # 100 * 2^(35/12) documents: eight machines
    assert found.costs.machines == 1


def test_a_cascade_pays_for_both_and_audits_only_what_it_answered():
    both = cascade(
        "cascade",
        full(),
        priced(30),
        escalated_share=number("passed on", 0.25, ceiling=1),
        correct=number("right answers of cascade", 0.97, ceiling=1),
        errors=full().errors,
    )
    month = lines(weigh(both, other(), FULL, seed=1, draws=5).costs.month)
    alone = lines(weigh(full(), other(), FULL, seed=1, draws=5).costs.month)
    assert month["cloud calls"] == 100_000 * 0.25 * 0.03
    assert month["electricity"] == alone["electricity"]
    assert month["audit calls"] == pytest.approx(alone["audit calls"] * 0.75)


def test_a_cache_saves_its_share_and_a_switch_costs_its_hours():
    given = bare(documents_per_month=10_000, switch_hours=8, labour_usd_per_hour=100)
    cached = Saved(price=priced(30), saved_share=number("exact duplicates", 0.4, ceiling=1))
    found = weigh(switch("cache", cached, given), cloud(30), given, seed=1, draws=5)
    assert found.npv_exact_usd == 36 * 120 - 800
    assert found.break_even.value == 0
    assert any("from the first document on" in sentence for sentence in found.sentences)
    assert found.simple_payback_months == pytest.approx(800 / 120)


# What is not known ---------------------------------------------------------------------------------------

NO_PRICE = UnknownPrice(reason="the price of cloud: no call has a cost")
UNKNOWN = {
    "no price": (full(), keep("cloud", NO_PRICE), FULL, "the price of cloud: no call has a cost"),
    "no price of audits": (
        full().model_copy(update={"audited_by": NO_PRICE}),
        other(),
        FULL,
        "the price of cloud: no call has a cost",
    ),
    "two currencies": (
        full(),
        keep("cloud", logged_price("cloud", {"USD": Estimate(value=3), "EUR": Estimate(value=3)}, "log")),
        FULL,
        "its costs are in EUR and USD, and not all in USD",
    ),
    "another currency": (
        full(),
        keep("cloud", logged_price("cloud", {"EUR": Estimate(value=3)}, "log")),
        FULL,
        "its costs are in EUR",
    ),
    "no calls": (full(), keep("cloud", logged_price("cloud", {}, "log")), FULL, "no call has a cost"),
    "no latency": (
        tuned(FULL).model_copy(
            update={
                "machine_seconds": None,
                "why_unknown": ("the machine time of tuned: it was not measured",),
            }
        ),
        other(),
        FULL,
        "the machine time of tuned: it was not measured",
    ),
    "nothing passed on is known": (
        cascade("cascade", full(), priced(30), escalated_share=None, errors=full().errors),
        other(),
        FULL,
        "the share that cascade passes on: it was not measured",
    ),
    "no volume": (
        full(),
        other(),
        FULL.measured(documents_per_month=number("volume", 0)),
        "there are none in a month",
    ),
    "errors of one side alone": (full(), cloud(30), FULL, "the rate of 'wrong' errors of cloud"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_known_is_named_and_no_figure_rests_on_it(case):
    option, against, given, reason = UNKNOWN[case]
    found = weigh(option, against, given, seed=1, draws=50)
    assert any(reason in one for one in found.unknown), found.unknown
    for name in ("volume", "break_even", "payback_probability", "reached", "npv_usd"):
        estimate = getattr(found, name)
        assert estimate.value is None
        assert reason in estimate.note
    assert (found.costs, found.npv_exact_usd, found.payback, found.tornado) == (None, None, None, ())
    assert reason in found.sentences[0]
    assert "is unknown" in found.sentences[0]
    assert len(found.assumptions) > 20  # they are still printed


def test_an_unmeasured_share_of_right_documents_leaves_the_money_known():
    option = full().model_copy(update={"correct": None})
    found = weigh(option, other(), FULL, seed=1, draws=50)
    assert found.costs.per_1000_correct.value is None
    assert "was not measured" in found.costs.per_1000_correct.note
    assert "with tuned" not in found.sentences[0]
    assert found.against_costs.per_1000_correct.value is not None
    assert found.npv_usd.value is not None


def test_an_option_that_is_never_right_has_no_cost_of_a_right_document():
    found = weigh(tuned(bare(), correct=0), cloud(30), bare(), seed=1, draws=50)
    assert found.costs.per_1000_correct.value is None
    assert found.costs.per_1000_correct.note == "none of the documents of tuned is right"


def test_errors_without_a_cost_or_without_a_rate_are_named():
    given = stated(error_usd={"late": 1})
    found = weigh(full(given), other(), given, seed=1, draws=5)
    assert found.unknown == ()
    assert found.uncounted == (
        "'wrong' errors have no cost in decision.error_usd",
        "'invented' errors have no cost in decision.error_usd",
        "'late' errors have a cost, and no rate",
    )
    assert "errors" not in lines(found.costs.month)


def test_where_no_volume_breaks_even_it_says_so():
    given = bare(engineering_usd_per_month=400)
    found = weigh(
        tuned(given).model_copy(update={"price": priced(40, "dear")}), cloud(30), given, seed=1, draws=9
    )
    assert found.break_even.value is None
    assert "at any volume" in found.break_even.note
    assert any("No volume breaks even" in sentence for sentence in found.sentences)
    assert found.simple_payback_months is None


# The estimates and the sentences -------------------------------------------------------------------------


def uncertain(**keys):
    given = assumptions(DecisionSection(**keys))
    return weigh(tuned(given, seconds=2, retrained=True), cloud(30), given, seed=5, draws=2_000)


def test_the_same_seed_gives_the_same_result_and_another_one_other_draws():
    given = assumptions(DecisionSection())
    option, against = tuned(given), cloud(30)
    first, second, third = (weigh(option, against, given, seed=seed, draws=500) for seed in (1, 1, 2))
    assert first == second
    assert first.npv_usd.low != third.npv_usd.low
    assert first.npv_exact_usd == third.npv_exact_usd


@pytest.mark.parametrize("volume", [1_000, 50_000, 400_000])
def test_every_estimate_has_its_interval_n_and_method(volume):
    found = uncertain(documents_per_month=volume)
    assert (found.volume.low, found.volume.value, found.volume.high) == (volume / 2, volume, volume * 2)
    assert found.volume.method == "yours, lognormal"
    for estimate in (found.npv_usd, found.break_even, found.payback_probability, found.reached):
        assert estimate.low <= estimate.value <= estimate.high
        assert (estimate.n, estimate.confidence) == (2_000, 0.95)
        assert "Monte-Carlo" in estimate.method
    assert found.reached.value >= found.payback_probability.value
    assert found.costs.per_1000_correct.low < found.costs.per_1000_correct.high


def test_one_input_changes_the_sentences_that_rest_on_it():
    before, dearer = uncertain(), uncertain(engineering_usd_per_month=3_000)
    assert len(before.sentences) == len(dearer.sentences)
    changed = [a != b for a, b in zip(before.sentences, dearer.sentences, strict=True)]
    assert all(changed[:3])
    assert "are below that" in dearer.sentences[1]
    assert "it saves" in uncertain(documents_per_month=400_000).sentences[2]
    assert "it loses" in dearer.sentences[2]


def test_payback_that_is_lost_again_is_said():
    given = stated(
        documents_per_month=60_000, cloud_price_decline_per_year=0.7, build_hours=30, audit_share=0
    )
    found = weigh(tuned(given), cloud(30), given, seed=1, draws=5)
    assert found.payback.month < found.payback.lost_in_month
    (said,) = [sentence for sentence in found.sentences if "loses that again" in sentence]
    assert f"in month {found.payback.month} " in said
    assert "does not get it back" in said


def test_a_result_is_read_back_as_it_was_written():
    found = uncertain()
    assert Economics.model_validate_json(found.model_dump_json()) == found
    assert isinstance(found.model_dump(mode="json")["npv_exact_usd"], float)


def test_two_inputs_of_one_name_are_refused():
    given = bare()
    twice = cloud(30).model_copy(update={"correct": spread("price of cloud", "0.5", 0, 1)})
    with pytest.raises(ValueError, match="two inputs are called 'price of cloud'"):
        weigh(tuned(given), twice, given, seed=1, draws=5)
