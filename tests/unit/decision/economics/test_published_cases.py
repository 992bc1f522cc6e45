"""Figures that others published, computed anew from their parts."""

from decimal import Decimal

import pytest
from support.made_economics import bare, cloud, number, spread, tuned

from insource.decision.economics.appraisal import break_even_volume, exact_savings, payback
from insource.decision.economics.options import switch
from insource.decision.economics.prices import ListPrice
from insource.decision.economics.quote import checked_quote
from insource.decision.economics.tiers import Tier, cheapest_not_worse
from insource.decision.economics.valuation import Drawn, Exact
from insource.decision.economics.weigh import weigh


def test_a_quote_of_250_dollars_a_month_cannot_be_right():
    """50,000 documents a month: 15,000 dollars of hardware over 24 months were quoted at 250 a month."""
    given = bare(
        hardware_usd=15_000, hardware_months=24, documents_per_month=50_000, quoted_usd_per_month=250
    )
    found = weigh(tuned(given), cloud(40), given, seed=1, draws=10)
    assert found.costs.month_usd == Decimal("625.00")
    quote = found.quote
    assert not quote.possible
    assert quote.sentence in found.sentences
    assert "cannot be right" in quote.sentence
    assert "$625.00 ($15,000.00 over 24 months)" in quote.sentence
    assert checked_quote(Decimal(625), found.costs, given).possible
    assert found.against_costs.month_usd == 2000  # its API is quoted at 2,000 a month


TICKETS = 50_000 * 30


def endpoint(tokens, usd_per_mtok):
    return ListPrice(
        input_tokens=number("tokens of a ticket", tokens),
        input_usd_per_mtok=number("price of the endpoint", usd_per_mtok),
    )


@pytest.mark.parametrize(
    ("tokens", "usd_per_mtok", "monthly"), [(1_900, 0.042, "119.70"), (1_100, 0.1, "165.00")]
)
def test_50_000_tickets_a_day_turn_into_change_the_endpoint(tokens, usd_per_mtok, monthly):
    """12,000 dollars a month in the cloud against 800 here; at a decision endpoint about 120 to 165."""
    given = bare(documents_per_month=TICKETS, engineering_usd_per_month=800)
    incumbent, here = cloud(8, "large", 0.92), tuned(given, seconds=0.15, correct=0.94)
    published = weigh(here, incumbent, given, seed=1, draws=10)
    assert published.against_costs.month_usd - published.costs.month_usd == 11_200
    assert published.npv_exact_usd == 36 * 11_200

    decisions = switch("endpoint", endpoint(tokens, usd_per_mtok), given)
    tiers = [Tier(option=incumbent, standing="incumbent"), Tier(option=decisions, standing="not worse")]
    cheapest = cheapest_not_worse(tiers, given).option
    assert cheapest.name == "endpoint"
    against = weigh(here, cheapest, given, seed=1, draws=10)
    assert against.against_costs.month_usd == Decimal(monthly)
    assert against.npv_usd.value < 0
    assert against.break_even.value > TICKETS
    assert weigh(decisions, incumbent, given, seed=1, draws=10).npv_usd.value > 0


def test_100_documents_a_month_take_417_years():
    """The article says 41 years; its own figures, 15,000 dollars at 3 a month, are 5,000 months."""
    given = bare(documents_per_month=100, hardware_usd=15_000)
    found = weigh(tuned(given), cloud(30), given, seed=1, draws=10)
    assert found.simple_payback_months == 5_000
    assert round(found.simple_payback_months / 12) == 417
    assert found.payback.month is None
    assert found.payback_probability.value == 0


CLOUDS = {"4.15": (2, 0.1, 10), "2.075": (1, 0.05, 5), "0.215": (0.1, 0.01, 0.5)}


@pytest.mark.parametrize(("per_1000", "prices"), CLOUDS.items())
def test_a_list_price_follows_from_tokens_cached_share_and_output(per_1000, prices):
    """2,000 tokens in, of which 1,500 cached, and 300 out."""
    full, cached, out = prices
    price = ListPrice(
        input_tokens=number("input", 2_000),
        input_usd_per_mtok=number("full price", full),
        cached_share=number("cached", 0.75),
        cached_usd_per_mtok=number("cached price", cached),
        output_tokens=number("output", 300),
        output_usd_per_mtok=number("output price", out),
    )
    assert price.per_document(Exact()) * 1000 == Decimal(per_1000)


@pytest.mark.parametrize(
    ("machine", "engineering", "volumes"),
    [
        (8, 0, (1_900, 3_900, 37_000)),
        (8, 400, (98_000, 197_000, 1_900_000)),
        (91, 400, (118_000, 237_000, 2_300_000)),
        (511, 400, (220_000, 439_000, 4_200_000)),
        (1_825, 1_600, (825_000, 1_650_000, 15_900_000)),
    ],
)
def test_the_grid_of_break_even_volumes(machine, engineering, volumes):
    """The grid of our reference; it is rounded to two or three digits."""
    given = bare(rent_usd_per_month=machine, engineering_usd_per_month=engineering)
    here = tuned(given, seconds="0.0001")
    for per_1000, volume in zip(CLOUDS, volumes, strict=True):
        found = break_even_volume(here, cloud(per_1000), given, Drawn({}, 1))[0]
        assert found == pytest.approx(volume, rel=0.02)


def project(documents, decline, **more):
    """2,500 dollars of hardware and 8,000 of labour; a month is 91 for the machine, 400 and 50 of labour."""
    keys = {
        "documents_per_month": documents,
        "cloud_price_decline_per_year": decline,
        "discount_per_year": 0.08,
        "hardware_usd": 2_500,
        "rent_usd_per_month": 91,
        "engineering_usd_per_month": 450,
        "build_hours": 80,
        "labour_usd_per_hour": 100,
    }
    given = bare(**(keys | more))
    return tuned(given, seconds="0.0001"), cloud("2.075"), given


@pytest.mark.parametrize(
    ("documents", "decline", "thousands"),
    [
        (500_000, 0, 5.5),
        (500_000, 0.3, -6.7),
        (500_000, 0.6, -15.6),
        (2_000_000, 0, 106),
        (2_000_000, 0.3, 57),
        (2_000_000, 0.6, 22),
    ],
)
def test_net_present_value_over_36_months(documents, decline, thousands):
    npv = float(exact_savings(*project(documents, decline)).npv) / 1000
    assert npv == pytest.approx(thousands, abs=0.05 if abs(thousands) < 20 else 0.5)


def test_payback_at_flat_prices_takes_23_months():
    assert payback(exact_savings(*project(500_000, 0)).balance).month == 23


def test_payback_can_be_reached_and_lost_again():
    found = payback(exact_savings(*project(1_000_000, 0.6)).balance)
    assert found.month == 14
    assert found.lost_in_month is not None
    assert not found.kept


def test_the_chance_of_payback_in_36_months_is_three_in_a_hundred():
    """Decline, hours, wages and running work are triangular; the volume is lognormal with a sigma of 0.35."""
    here, other, given = project(500_000, 0.4)
    given = given.measured(
        documents_per_month=spread("volume", 500_000, 500_000 / 1.9858, 500_000 * 1.9858, "lognormal"),
        cloud_price_decline_per_year=spread("decline", 0.4, 0, 0.9),
        labour_usd_per_hour=spread("wages", 100, 60, 160),
        engineering_usd_per_month=spread("running work", 400, 200, 1_600),
        rent_usd_per_month=number("machine and retraining", 141),
    )
    here = here.model_copy(update={"hours": (spread("hours of the build", 100, 40, 300),)})
    found = weigh(here, other, given, seed=1, draws=10_000)
    assert found.payback_probability.value == pytest.approx(0.03, abs=0.01)
