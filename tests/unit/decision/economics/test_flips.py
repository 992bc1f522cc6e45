"""The thresholds of the tornado: putting one back into the inputs turns the sign around."""

import numpy as np
import pytest
from support.made_economics import cloud, number, spread, stated, tuned

from insource.config.decision import DecisionSection
from insource.decision.economics.appraisal import exact_savings
from insource.decision.economics.assumptions import Assumptions, assumptions
from insource.decision.economics.options import Option
from insource.decision.economics.tornado import flips, tornado
from insource.decision.economics.weigh import weigh


def pair(given):
    return tuned(given, seconds=2, retrained=True), cloud(30)


def replaced(value, name, number_of):
    """The option or the assumptions with one input set to another number."""
    dumped = value.model_dump()

    def walk(node):
        if isinstance(node, dict):
            if node.get("name") == name and "distribution" in node:
                return node | {
                    "value": number_of,
                    "low": number_of,
                    "high": number_of,
                    "distribution": "fixed",
                }
            return {key: walk(inner) for key, inner in node.items()}
        return [walk(inner) for inner in node] if isinstance(node, list | tuple) else node

    return type(value).model_validate(walk(dumped))


SECTIONS = [{}, {"documents_per_month": 500_000}, {"hardware_usd": 9_000, "documents_per_month": 2_000_000}]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_sign_turns_at_every_threshold_and_not_before(section):
    given = assumptions(DecisionSection(**section))
    option, other = pair(given)
    inputs = [*given.quantities(), *option.quantities(), *other.quantities()]
    pays = exact_savings(option, other, given).npv >= 0
    swings = tornado(option, other, given, inputs)
    thresholds = [
        (swing, end) for swing in swings for end in (swing.flips_below, swing.flips_above) if end is not None
    ]
    assert len(thresholds) > 3
    for swing, end in thresholds:
        step = (end - swing.input.value) * 1e-9

        def after(value, name=swing.input.name):
            sides = [replaced(one, name, value) for one in (option, other, given)]
            assert [type(side) for side in sides] == [Option, Option, Assumptions]
            return exact_savings(*sides).npv >= 0

        assert after(end + step) != pays, swing
        assert after(end - step) == pays, swing


def test_a_price_cut_of_half_flips_where_the_tornado_says():
    given = stated(documents_per_month=60_000, build_hours=20)
    option, other = pair(given)
    before = weigh(option, other, given, seed=1, draws=10)
    (swing,) = [one for one in before.tornado if one.input.name == "price of cloud"]
    assert before.npv_usd.value > 0
    assert 15 < swing.flips_below < 30
    for price, pays in ((15, False), (swing.flips_below * 0.999, False), (swing.flips_below * 1.001, True)):
        after = weigh(option, cloud(price), given, seed=1, draws=10)
        assert (after.npv_usd.value >= 0) == pays


def test_the_widest_swing_comes_first_and_inputs_without_effect_are_left_out():
    given = assumptions(DecisionSection())
    option, other = pair(given)
    found = weigh(option, other, given, seed=1, draws=10).tornado
    widths = [abs(swing.npv_high_usd - swing.npv_low_usd) for swing in found]
    assert widths == sorted(widths, reverse=True)
    names = {swing.input.name for swing in found}
    assert {"documents_per_month", "price of cloud", "engineering_usd_per_month"} <= names
    assert not names & {"switch_hours", "audit_share", "right answers of cloud"}


def test_the_nearest_of_several_thresholds_is_found_on_either_side():
    quantity = spread("any", 5, 0, 10, ceiling=10)
    found = flips(lambda x: np.sin(x * np.pi / 2) - 0.5, quantity)
    assert found == pytest.approx((4 + 1 / 3, 5 + 2 / 3))


@pytest.mark.parametrize(
    ("value", "npv", "expected"),
    [
        (0, lambda x: 40 - x, (None, 40)),  # from zero upwards, without a ceiling
        (7, lambda x: x - 1e-6, (1e-6, None)),  # far below
        (7, lambda x: x * 0 + 1, (None, None)),
        (7, lambda x: 7e6 - x, (None, 7e6)),
    ],
)
def test_thresholds_far_away(value, npv, expected):
    found = flips(npv, number("any", value))
    for one, other in zip(found, expected, strict=True):
        assert one == (None if other is None else pytest.approx(other, rel=1e-9))
