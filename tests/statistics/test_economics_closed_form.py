"""The economics by simulation against their closed forms."""

import math
from decimal import Decimal

import numpy as np
import pytest
from support.made_economics import bare, cloud, priced, spread, tuned

from insource.decision.economics.appraisal import exact_savings, savings
from insource.decision.economics.simulation import drawn
from insource.decision.economics.weigh import weigh

DRAWS = 40_000


def annuity(factor_per_year, months=36):
    """1 + q + ... + q^(months - 1), the value of one dollar in each month that changes by this factor."""
    q = factor_per_year ** (1 / 12)
    return months if q == 1 else (1 - q**months) / (1 - q)


@pytest.mark.parametrize("decline", [0, 0.4, 0.99])
@pytest.mark.parametrize("growth", [-0.5, 0, 1.5])
@pytest.mark.parametrize("discount", [0, 0.08])
def test_the_net_present_value_is_two_geometric_series(decline, growth, discount):
    """30 dollars a thousand and 50,000 documents at first; 400 a month here, and 8,000 at the start."""
    world = bare(
        volume_growth_per_year=growth,
        cloud_price_decline_per_year=decline,
        discount_per_year=discount,
        engineering_usd_per_month=400,
        build_hours=80,
        exit_hours=10,
    )
    found = exact_savings(tuned(world, seconds="0.0001"), cloud(30), world).npv
    bill = 1_500 * annuity((1 - decline) * (1 + growth) / (1 + discount))
    own = 400 * annuity(1 / (1 + discount)) + 8_000 + 1_000 / (1 + discount) ** 3
    assert float(found) == pytest.approx(bill - own, abs=0.01)


def linear_world():
    """A net present value that is linear in each input that varies: its moments are known exactly."""
    given = bare(
        cloud_price_decline_per_year=0.4, discount_per_year=0.08, build_hours=80, labour_usd_per_hour=100
    )
    given = given.measured(engineering_usd_per_month=spread("work", 400, 200, 1_600))
    here = tuned(given, seconds="0.0001")
    here = here.model_copy(update={"hours": (spread("hours of the build", 100, 40, 300),)})
    price = spread("price of cloud", 30, 20, 60, "uniform")
    other = cloud(30).model_copy(update={"price": priced(30).model_copy(update={"usd_per_1000": price})})
    return here, other, given


def moments():
    """Mean and standard deviation of the net present value, from those of its inputs."""

    def triangular(low, mode, high):
        square = low**2 + mode**2 + high**2 - low * mode - low * high - mode * high
        return (low + mode + high) / 3, math.sqrt(square / 18)

    months, bills = annuity(1 / 1.08), annuity(0.6 / 1.08)
    work, hours, price = triangular(200, 400, 1_600), triangular(40, 100, 300), (40, 40 / math.sqrt(12))
    parts = [(-months, work), (-100, hours), (50 * bills, price)]
    mean = sum(weight * of[0] for weight, of in parts)
    return mean, math.sqrt(sum((weight * of[1]) ** 2 for weight, of in parts))


def test_mean_and_spread_of_the_draws_are_those_of_the_closed_form():
    here, other, given = linear_world()
    inputs = [*given.quantities(), *here.quantities(), *other.quantities()]
    npv = savings(here, other, given, drawn(inputs, 7, DRAWS)).npv
    mean, deviation = moments()
    assert npv.mean() == pytest.approx(mean, abs=4 * deviation / math.sqrt(DRAWS))
    assert npv.std() == pytest.approx(deviation, rel=0.02)


def test_the_chance_of_payback_is_that_of_the_only_input_that_varies():
    """With the running work alone uncertain, it pays where that is under its flip threshold."""
    given = bare(documents_per_month=50_000, build_hours=80).measured(
        engineering_usd_per_month=spread("work", 400, 200, 1_600)
    )
    found = weigh(tuned(given, seconds="0.0001"), cloud(20), given, seed=3, draws=DRAWS)
    (swing,) = [one for one in found.tornado if one.input.name == "engineering_usd_per_month"]
    assert swing.flips_above == pytest.approx(1_000 - 8_000 / 36)
    below = 1 - (1_600 - swing.flips_above) ** 2 / ((1_600 - 200) * (1_600 - 400))
    chance = found.payback_probability
    assert chance.low <= below <= chance.high
    assert chance.n == DRAWS


def test_the_lognormal_volume_has_its_median_and_its_spread():
    given = bare().measured(documents_per_month=spread("v", 50_000, 25_000, 100_000, "lognormal"))
    volume = drawn(given.quantities(), 5, DRAWS).of(given.documents_per_month)
    logs = np.log(volume / 50_000)
    sigma = math.log(2) / 1.959964
    assert np.median(logs) == pytest.approx(0, abs=4 * sigma / math.sqrt(DRAWS))
    assert logs.std() == pytest.approx(sigma, rel=0.02)


def test_a_stream_of_its_own_for_every_input():
    """An input that is fixed, or another option beside it, changes no draw of the others."""
    here, other, given = linear_world()
    alone = drawn(given.quantities(), 7, 100)
    beside = drawn([*given.quantities(), *here.quantities(), *other.quantities()], 7, 100)
    name = given.engineering_usd_per_month
    assert np.array_equal(alone.of(name), beside.of(name))
    assert not np.array_equal(drawn(given.quantities(), 8, 100).of(name), alone.of(name))


def test_cents_are_exact():
    """A cent a document, ten thousand documents, 36 months, nothing else: 3,600 dollars."""
    given = bare(documents_per_month=10_000)
    found = exact_savings(tuned(given, seconds="0.0001"), cloud(10), given)
    assert found.npv == Decimal(3_600)
    assert set(found.months) == {Decimal(100)}
