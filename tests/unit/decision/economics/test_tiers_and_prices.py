"""The cloud to compare with, and what its documents cost."""

from decimal import Decimal

import pytest
from support.made_economics import bare, cloud, number, priced

from insource.config.log import OwnPrice
from insource.decision.economics.options import keep, switch
from insource.decision.economics.prices import ListPrice, Saved, UnknownPrice, logged_price
from insource.decision.economics.quantities import measured
from insource.decision.economics.repriced import repriced
from insource.decision.economics.tiers import Tier, cheapest_not_worse
from insource.decision.economics.valuation import Exact
from insource.foundation.errors import DataError
from insource.providers.prices import PriceTable
from insource.types import Estimate, Usage


def of(price):
    return price.per_document(Exact()) * 1_000_000


def listed(**more):
    return ListPrice(
        input_tokens=number("input", 1_000),
        input_usd_per_mtok=number("input price", 2),
        output_tokens=number("output", 100),
        output_usd_per_mtok=number("output price", 10),
        **more,
    )


@pytest.mark.parametrize(
    ("more", "dollars_a_million"),
    [
        ({}, 3_000),
        (
            {"cached_share": number("cached", "0.5"), "cached_usd_per_mtok": number("cached price", "0.2")},
            2_100,
        ),
        ({"cached_share": number("cached", "0.5")}, 3_000),  # no other price: the full one
        ({"trimmed_share": number("trimmed", "0.25")}, 2_500),
        ({"batch_share": number("batch", 1), "batch_factor": number("batch price", "0.5")}, 1_500),
        ({"batch_share": number("batch", "0.2"), "batch_factor": number("batch price", "0.5")}, 2_700),
    ],
)
def test_a_list_price_has_cache_trimming_and_batch(more, dollars_a_million):
    assert of(listed(**more)) == dollars_a_million


def test_a_decision_endpoint_has_no_output_to_pay():
    price = ListPrice(input_tokens=number("input", 1_500), input_usd_per_mtok=number("price", "0.042"))
    assert of(price) == Decimal("63")


@pytest.mark.parametrize("half", ["output_tokens", "output_usd_per_mtok", "batch_share", "batch_factor"])
def test_half_of_a_price_is_refused(half):
    with pytest.raises(ValueError, match="belong together"):
        ListPrice(input_tokens=number("i", 1), input_usd_per_mtok=number("p", 1), **{half: number("h", 1)})


def test_what_a_cache_answers_costs_nothing():
    assert of(Saved(price=listed(), saved_share=number("duplicates", "0.4"))) == 1_800


@pytest.mark.parametrize("bad", [float("inf"), float("nan"), -1.0, Decimal("NaN"), Decimal("Infinity")])
def test_a_price_that_is_none_is_an_error_not_a_figure(bad):
    with pytest.raises(DataError) as caught:
        measured("price of cloud", bad, unit="USD", source="log")
    assert caught.value.code == "economics-input"
    assert "price of cloud" in caught.value.message


@pytest.mark.parametrize(
    "bad",
    [
        Estimate(value=float("nan")),
        Estimate(value=-2),
        Estimate(value=1, low=float("-inf"), high=2),
        Estimate(value=1, low=0, high=float("nan")),
    ],
)
def test_an_estimate_that_is_none_is_an_error_too(bad):
    with pytest.raises(DataError):
        logged_price("cloud", {"USD": bad}, "log")


def test_a_share_above_one_is_an_error():
    with pytest.raises(DataError, match=r"= 1\.2:"):
        measured("passed on", 1.2, unit="of all", source="log", ceiling=1)
    with pytest.raises(DataError, match="audit_share"):
        bare().measured(audit_share=number("audits", 1.2))


def test_an_interval_is_brought_to_95_percent_and_cut_to_what_can_be():
    found = measured(
        "rate", Estimate(value=0.5, low=0.4, high=0.6, confidence=0.9), unit="", source="log", ceiling=1
    )
    assert float(found.low) == pytest.approx(0.5 - 0.1 * 1.959964 / 1.644854, abs=1e-6)
    wide = measured("rate", Estimate(value=0.9, low=-0.2, high=1.4), unit="", source="log", ceiling=1)
    assert (wide.low, wide.high, wide.distribution) == (0, 1, "normal")
    assert measured("rate", Estimate(value=None), unit="", source="log") is None


# The tier ------------------------------------------------------------------------------------------------

GIVEN = bare(documents_per_month=100_000, switch_hours=8, labour_usd_per_hour=100)


def tier(name, per_1000, standing):
    make = cloud(per_1000, name) if standing == "incumbent" else switch(name, priced(per_1000, name), GIVEN)
    return Tier(option=make, standing=standing)


def test_the_cheapest_tier_that_is_not_worse_is_compared_with():
    tiers = [
        tier("large", 30, "incumbent"),
        tier("medium", 10, "not worse"),
        tier("small", 3, "worse"),
        tier("tiny", 1, "inconclusive"),
        tier("other", 12, "better"),
    ]
    found = cheapest_not_worse(tiers, GIVEN)
    assert found.option.name == "medium"
    assert "the least of 3 that hold" in found.reason
    assert {one.name: one.reason for one in found.excluded} == {
        "large": "it costs $108,000.00 over 36 months",
        "other": "it costs $44,000.00 over 36 months",
        "small": "its quality is worse",
        "tiny": "its quality is inconclusive",
    }


def test_a_move_that_costs_more_than_it_saves_leaves_the_incumbent():
    """100 documents a month: 2 dollars a month saved do not pay 8 hours."""
    few = GIVEN.measured(documents_per_month=number("volume", 100))
    tiers = [tier("large", 30, "incumbent"), tier("medium", 10, "not worse")]
    assert cheapest_not_worse(tiers, few).option.name == "large"
    assert cheapest_not_worse(tiers, GIVEN).option.name == "medium"


def test_equal_tiers_leave_the_first():
    tiers = [tier("one", 10, "not worse"), tier("two", 10, "not worse")]
    assert cheapest_not_worse(tiers, GIVEN).option.name == "one"


def test_a_tier_without_a_price_is_named_and_is_never_free():
    unpriced = keep("new", UnknownPrice(reason="the price of new: the model is not in the price table"))
    tiers = [Tier(option=unpriced, standing="better"), tier("large", 30, "incumbent")]
    found = cheapest_not_worse(tiers, GIVEN)
    assert found.option.name == "large"
    assert found.unknown == ("the price of new: the model is not in the price table",)
    assert "another may cost less: unknown is the price of new" in found.reason
    alone = cheapest_not_worse(tiers[:1], GIVEN)
    assert alone.option is None
    assert alone.reason == "the price of new: the model is not in the price table"


def test_without_a_tier_that_holds_there_is_none():
    found = cheapest_not_worse([tier("small", 3, "worse")], GIVEN)
    assert found.option is None
    assert found.reason == "no cloud model is known to be good enough"


# A log at the prices of another model ---------------------------------------------------------------------

TABLE = PriceTable(
    {
        "cheap": OwnPrice(
            input=Decimal("0.1"), output=Decimal("0.5"), cached=Decimal("0.01"), batch=Decimal("0.5")
        ),
        "decisions": OwnPrice(input=Decimal("0.042"), output=Decimal(0)),
    }
)
USAGES = [Usage(input_tokens=2_000, cached_tokens=1_500, output_tokens=300)] * 20


def test_a_log_is_priced_at_another_model_with_its_cached_share():
    price = repriced("cheap", USAGES, TABLE)
    assert float(of(price)) == pytest.approx(215)
    assert "20 documents at the prices of insource.toml" in price.usd_per_1000.source
    assert float(of(repriced("cheap", USAGES, TABLE, batch=True))) == pytest.approx(107.5)
    assert float(of(repriced("decisions", USAGES, TABLE, input_only=True))) == pytest.approx(84)


def test_documents_of_different_lengths_give_an_interval():
    usages = [Usage(input_tokens=1_000 * n, cached_tokens=0, output_tokens=100) for n in range(1, 9)]
    found = repriced("cheap", usages, TABLE).usd_per_1000
    assert float(found.value) == pytest.approx(0.5)
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("model", "usages", "said"),
    [
        ("nobody/knows-it", USAGES, "not in the price table"),
        ("cheap", [*USAGES, Usage(input_tokens=5)], "tokens were not reported"),
        ("cheap", [], "no call has a cost"),
    ],
)
def test_a_log_that_cannot_be_priced_says_why(model, usages, said):
    price = repriced(model, usages, TABLE)
    assert isinstance(price, UnknownPrice)
    assert f"the price of {model}" in price.reason
    assert said in price.reason
