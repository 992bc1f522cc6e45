"""Laws of the economics that hold for any inputs."""

import json
import re
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_economics import cloud, number, priced, spread, stated, tuned

from insource.config.decision import DecisionSection
from insource.decision.economics.appraisal import (
    bill,
    break_even_volume,
    cost_per_1000_correct,
    exact_savings,
    in_cents,
    payback,
    present_cost_usd,
    savings,
)
from insource.decision.economics.assumptions import assumptions
from insource.decision.economics.flows import machines, month_lines
from insource.decision.economics.options import cascade
from insource.decision.economics.quantities import Quantity
from insource.decision.economics.simulation import drawn
from insource.decision.economics.valuation import DIGITS, Drawn, Exact
from insource.decision.economics.weigh import weigh
from insource.types.economics import Economics

KEYS = {
    "documents_per_month": st.integers(1, 10_000_000),
    "volume_growth_per_year": st.decimals("-0.9", 2, places=2),
    "peak_to_mean": st.decimals(1, 10, places=1),
    "cloud_price_decline_per_year": st.decimals(0, "0.99", places=2),
    "discount_per_year": st.decimals(0, "0.5", places=2),
    "hardware_usd": st.integers(0, 20_000),
    "hardware_months": st.integers(1, 60),
    "rent_usd_per_month": st.integers(0, 3_000),
    "engineering_usd_per_month": st.integers(0, 2_000),
    "build_hours": st.integers(0, 300),
    "exit_hours": st.integers(0, 40),
    "audit_share": st.decimals(0, 1, places=2),
    "retrainings_per_year": st.integers(0, 12),
    "horizon_months": st.integers(1, 48),
}


def world_of(keys):
    months = {"horizon_months": keys["horizon_months"]}
    return stated(**({name: float(value) for name, value in keys.items()} | months))


worlds = st.fixed_dictionaries(KEYS).map(world_of)
seconds = st.decimals("0.01", 60, places=2)
prices = st.decimals("0.01", 100, places=2)
quick = settings(max_examples=60, deadline=None)


def at_volume(world, volume):
    stated_volume = number("documents_per_month", volume)
    return world.measured(documents_per_month=stated_volume)


def exactly(function, *args):
    with localcontext(prec=DIGITS):
        return function(*args, Exact())


def per_document(option, world):
    return exactly(lambda o, w, at: at.total(month_lines(o, w, at).values()), option, world) / (
        world.documents_per_month.value
    )


@quick
@given(world=worlds, took=seconds, share=st.decimals("0.001", 1, places=3))
def test_more_volume_never_makes_the_local_option_dearer_per_document(world, took, share):
    """As long as no further machine is needed: that one has to be paid before it is used."""
    option = tuned(world, seconds=took, audited_by=priced(5), retrained=True)
    fewer = at_volume(world, world.documents_per_month.value * share)
    needed = [exactly(machines, option, one, one.documents_per_month.value) for one in (fewer, world)]
    if needed[0] == needed[1]:
        assert per_document(option, world) <= per_document(option, fewer)


@quick
@given(world=worlds, took=seconds, times=st.integers(2, 50))
def test_a_multiple_of_the_volume_never_makes_it_dearer_per_document(world, took, times):
    """k times the volume needs at most k times the machines."""
    option = tuned(world, seconds=took, audited_by=priced(5), retrained=True)
    more = at_volume(world, world.documents_per_month.value * times)
    assert per_document(option, more) <= per_document(option, world) + Decimal("1e-40")


@quick
@given(world=worlds, took=seconds, price=prices, other_price=prices, data=st.data())
def test_a_dominated_option_is_never_cheaper(world, took, price, other_price, data):
    """No dearer in anything: then no dearer in all, at the stated values and in every draw."""
    more = {name: data.draw(st.decimals(1, 3, places=2)) for name in ("time", "price", "labels", "share")}
    share = data.draw(st.decimals(0, 1, places=2))

    def mixed(by):
        here = tuned(
            world,
            seconds=took * by("time"),
            labels=number("labels to write", 100 * by("labels")),
            audited_by=priced(other_price * by("price"), "audit"),
        )
        passed = number("passed on", min(1, share * by("share")), ceiling=1)
        return cascade("both", here, priced(price * by("price")), escalated_share=passed)

    better, worse = mixed(lambda name: 1), mixed(lambda name: more[name])
    # A share that is asked in the cloud is not audited: where an audit costs more than the call, passing on
    # saves money, and neither dominates.
    if other_price * world.audit_share.value <= price:
        assert present_cost_usd(better, world) <= present_cost_usd(worse, world)


@quick
@given(world=worlds, took=seconds, price=prices, low=st.decimals(0, 1, places=2))
def test_a_dominated_option_is_never_cheaper_in_any_draw(world, took, price, low):
    world = world.measured(
        documents_per_month=spread("v", 50_000, 1_000, 900_000),
        cloud_price_decline_per_year=spread("d", "0.4", 0, "0.9"),
    )
    time = spread("machine time", took, took * low, took * 2)
    option = tuned(world, seconds=took).model_copy(update={"machine_seconds": time, "price": priced(price)})
    share = option.model_copy(update={"cloud_share": spread("passed on", "0.3", 0, 1)})
    at = drawn([*option.quantities(), *share.quantities(), *world.quantities()], 3, 200)
    assert np.all(savings(share, option, world, at).npv >= -1e-9)


@quick
@given(world=worlds, took=seconds, price=prices)
def test_money_adds_up(world, took, price):
    """Rounded lines add up to their total, and the months and the start to the net present value."""
    option, other = tuned(world, seconds=took, audited_by=priced(price)), cloud(price)
    lines = exactly(month_lines, option, world)
    assert abs(sum(line.usd for line in bill(lines)) - sum(lines.values())) <= Decimal("0.005") * len(lines)
    ours, theirs = exact_savings(option, other, world), exact_savings(other, option, world)
    assert ours.npv == pytest.approx(-theirs.npv)
    assert in_cents(ours.npv) == in_cents(present_cost_usd(other, world) - present_cost_usd(option, world))
    assert len(ours.months) == len(ours.balance) == world.horizon_months


@quick
@given(world=worlds, took=seconds, price=prices)
def test_payback_is_kept_exactly_when_the_net_present_value_is_not_negative(world, took, price):
    found = exact_savings(tuned(world, seconds=took), cloud(price), world)
    paid = payback(found.balance)
    assert paid.kept == (found.npv >= 0)
    assert paid.kept <= (paid.month is not None)
    if paid.month is not None:
        assert found.balance[paid.month - 1] >= 0
        assert all(total < 0 for total in found.balance[: paid.month - 1])


@quick
@given(world=worlds, took=seconds, price=prices)
def test_decimals_and_draws_follow_the_same_formulas(world, took, price):
    option, other = tuned(world, seconds=took, audited_by=priced(price)), cloud(price)
    stated_npv = exact_savings(option, other, world).npv
    arrays = savings(option, other, world, Drawn({}, 3)).npv
    scale = float(present_cost_usd(other, world) + present_cost_usd(option, world))
    assert arrays == pytest.approx(np.full(3, float(stated_npv)), abs=1e-9 * (1 + abs(scale)))


@quick
@given(world=worlds, took=seconds, price=prices)
def test_at_the_break_even_volume_a_month_costs_the_same(world, took, price):
    option, other = tuned(world, seconds=took), cloud(price)
    volume = break_even_volume(option, other, world, Drawn({}, 1))[0]
    if np.isfinite(volume) and volume > 0:
        world = at_volume(world, volume)
        ours, theirs = (per_document(one, world) for one in (option, other))
        assert float(ours) == pytest.approx(float(theirs), rel=1e-6)
    elif volume == 0:
        assert per_document(option, world) <= per_document(other, world)


@quick
@given(world=worlds, took=seconds, right=st.decimals("0.01", 1, places=2))
def test_fewer_right_answers_cost_more_a_right_one(world, took, right):
    option = tuned(world, seconds=took, correct=right)
    best = tuned(world, seconds=took, correct=1)
    cost, least = (exactly(cost_per_1000_correct, one, world) for one in (option, best))
    assert float(cost * right) == pytest.approx(float(least))
    assert least <= cost


@settings(max_examples=25, deadline=None)
@given(
    keys=st.fixed_dictionaries(KEYS | {"error_usd": st.sampled_from([{}, {"wrong": 0.0}, {"wrong": 9.0}])}),
    took=st.sampled_from([0, "0.001", 5, 4_000_000]),
    right=st.sampled_from([0, "0.5", 1]),
    price=st.sampled_from([0, "0.001", 1_000]),
    rate=st.sampled_from([0, 3]),
)
def test_no_figure_is_infinite_or_no_number(keys, took, right, price, rate):
    """Ranges as the defaults have them, and inputs at the edges of what they can be."""
    section = {name: float(value) for name, value in keys.items() if name != "error_usd"}
    section |= {"horizon_months": keys["horizon_months"], "error_usd": keys["error_usd"]}
    world = assumptions(DecisionSection(**section))
    option = tuned(
        world, seconds=took, correct=right, retrained=True, errors={"wrong": number("wrong of tuned", rate)}
    )
    other = cloud(price).model_copy(update={"errors": {"wrong": number("wrong of cloud", rate)}})
    found = weigh(option, other, world, seed=1, draws=40)
    assert found.unknown == ()
    read = json.loads(found.model_dump_json(), parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    assert Economics.model_validate(read) == found
    assert found.payback_probability.value <= found.reached.value
    assert found.costs.month_usd == sum(line.usd for line in found.costs.month)
    shown = " ".join(found.sentences)
    assert not re.search(r"\b(nan|inf|Infinity|None)\b", shown)


@given(
    value=st.floats(0.01, 1e6),
    down=st.floats(0, 0.99),
    up=st.floats(0, 10),
    kind=st.sampled_from(["uniform", "triangular", "normal", "lognormal"]),
)
def test_a_distribution_is_monotone_and_keeps_its_ends(value, down, up, kind):
    quantity = Quantity(
        name="any",
        value=Decimal(str(value)),
        low=Decimal(str(value * (1 - down))),
        high=Decimal(str(value * (1 + up))),
        distribution=kind,
        source="made",
    )
    probability = np.array([1e-14, 0.025, 0.25, 0.5, 0.75, 0.975, 1 - 1e-14])
    found = quantity.quantile(probability)
    assert np.all(np.diff(found) >= -1e-9 * value)
    ends = (float(quantity.low), float(quantity.high))
    if kind in ("uniform", "triangular"):
        assert found[[0, -1]] == pytest.approx(ends, rel=1e-6, abs=1e-6 * (ends[1] - ends[0]))
    else:
        assert found[[1, -2]] == pytest.approx(ends, rel=1e-6)
        assert found[3] == pytest.approx(value)
    assert np.all(found >= 0)
