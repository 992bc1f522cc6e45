"""``[decision]``: every key is an assumption with a range, a unit and a source."""

import pytest

from insource.config.decision import DecisionSection, assumed_keys
from insource.config.loading import validate
from insource.decision.economics.assumptions import assumptions
from insource.foundation.errors import ConfigError

RULES = ("payback_probability", "schema_changes_per_quarter", "label_noise")
"""What a verdict is reached by; the others are what the economics assume."""
NUMBERS = [
    name
    for name, field in DecisionSection.model_fields.items()
    if field.annotation in (float, int) and name not in ("horizon_months", "hardware_months", *RULES)
]


def test_every_number_is_an_assumption_with_unit_and_source():
    assert list(assumed_keys()) == NUMBERS
    for name, assumed in assumed_keys().items():
        assert assumed.unit, name
        assert assumed.source, name
        default = DecisionSection.model_fields[name].default
        if assumed.distribution != "fixed":
            assert assumed.low <= default <= assumed.high, name
        if assumed.distribution == "lognormal":
            assert assumed.low > 0, name


def test_all_of_it_is_printed():
    shown = {one.name: one for one in assumptions(DecisionSection(error_usd={"wrong": 2})).shown()}
    assert set(shown) == {*NUMBERS, "error_usd.wrong", "horizon_months", "hardware_months"}
    assert all(one.source and one.unit for one in shown.values())
    work = shown["engineering_usd_per_month"]
    assert (work.value, work.low, work.high, work.distribution) == (400, 200, 1_600, "lognormal")
    assert (work.origin, shown["error_usd.wrong"].source) == ("default", "yours")


@pytest.mark.parametrize(
    ("name", "value", "ends"),
    [
        ("engineering_usd_per_month", 1_000, (500, 4_000)),  # in proportion
        ("volume_growth_per_year", 0.1, (-0.1, 0.6)),  # around 0: shifted
        ("cloud_price_decline_per_year", 0.8, (0, 0.99)),  # cut to what it can be
        ("peak_to_mean", 1.5, (1, 3)),
        ("kwh_usd", 0, (None, None)),  # nothing to scale
        ("hardware_usd", 5_000, (None, None)),  # no range of its own
    ],
)
def test_a_number_that_is_set_keeps_the_range_of_the_default(name, value, ends):
    shown = {one.name: one for one in assumptions(DecisionSection(**{name: value})).shown()}[name]
    assert (shown.value, shown.origin, shown.source) == (value, "yours", "yours")
    assert (shown.low, shown.high) == pytest.approx(ends)


def test_a_range_of_ones_own_is_taken_with_its_source():
    section = validate(
        {
            "decision": {
                "documents_per_month": 80_000,
                "error_usd": {"wrong": 3},
                "ranges": {
                    "documents_per_month": {"low": 60_000, "high": 90_000, "source": "sales plan"},
                    "error_usd.wrong": {"low": 1, "high": 5, "distribution": "uniform"},
                    "build_hours": {"distribution": "fixed"},
                },
            }
        },
        "insource.toml",
    ).decision
    shown = {one.name: one for one in assumptions(section).shown()}
    volume, wrong, hours = (shown[name] for name in ("documents_per_month", "error_usd.wrong", "build_hours"))
    assert (volume.low, volume.high, volume.distribution) == (60_000, 90_000, "triangular")
    assert (volume.source, volume.origin) == ("sales plan", "yours")
    assert (wrong.low, wrong.high, wrong.distribution) == (1, 5, "uniform")
    assert (hours.value, hours.low, hours.distribution) == (80, None, "fixed")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"documents_per_month": 0}, "greater than 0"),
        ({"documents_per_month": float("inf")}, "finite"),
        ({"kwh_usd": float("nan")}, "finite"),
        ({"kwh_usd": -0.1}, "greater than or equal to 0"),
        ({"pue": 0.9}, "greater than or equal to 1"),
        ({"cloud_price_decline_per_year": 1}, "less than or equal to 0.99"),
        ({"audit_share": 1.5}, "less than or equal to 1"),
        ({"horizon_months": 0}, "greater than or equal to 1"),
        ({"error_usd": {"wrong": -1}}, "greater than or equal to 0"),
        ({"error_usd": {"wrong": float("inf")}}, "finite"),
        ({"ranges": {"kwh": {"low": 0.1, "high": 0.3}}}, "no such key"),
        ({"ranges": {"horizon_months": {"low": 12, "high": 48}}}, "no such key"),
        ({"ranges": {"error_usd.wrong": {"low": 1, "high": 2}}}, "no such key"),
        ({"ranges": {"kwh_usd": {"low": 0.3, "high": 0.5}}}, "needs low <= 0.25 <= high"),
        ({"ranges": {"kwh_usd": {"low": 0.1}}}, "needs low <= 0.25 <= high"),
        ({"ranges": {"kwh_usd": {"low": 0.1, "high": float("inf")}}}, "finite"),
        ({"ranges": {"kwh_usd": {"low": 0.1, "high": 0.3, "distribution": "fixed"}}}, "neither"),
        ({"ranges": {"pue": {"low": 0.5, "high": 1.5}}}, "at least 1"),
        ({"ranges": {"audit_share": {"low": 0, "high": 2}}}, "at most 1"),
        ({"ranges": {"build_hours": {"low": 0, "high": 90, "distribution": "lognormal"}}}, "above 0"),
        ({"ranges": {"kwh_usd": {"low": 0.1, "high": 0.3, "distribution": "beta"}}}, "triangular"),
    ],
)
def test_a_wrong_entry_is_named(keys, said):
    with pytest.raises(ConfigError) as caught:
        validate({"decision": keys}, "insource.toml")
    assert caught.value.code == "config-invalid"
    assert said in " ".join(caught.value.details)
