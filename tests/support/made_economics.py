"""Inputs of the economics for tests: a section of ``[decision]`` and options with every number stated."""

from decimal import Decimal

from insource.config.decision import DecisionSection
from insource.decision.economics.assumptions import assumptions
from insource.decision.economics.options import keep, local
from insource.decision.economics.prices import MeasuredPrice
from insource.decision.economics.quantities import Quantity, measured

FREE = dict.fromkeys(
    (
        "volume_growth_per_year",
        "cloud_price_decline_per_year",
        "discount_per_year",
        "power_watts",
        "engineering_usd_per_month",
        "build_hours",
        "evaluation_hours",
        "switch_hours",
        "exit_hours",
        "audit_share",
        "retrainings_per_year",
    ),
    0,
)
"""A world without labour, electricity, change or interest: what is left is what a test states."""


def stated(**keys):
    """Assumptions with these keys, each taken as exact."""
    return fixed(assumptions(DecisionSection(**keys)))


def fixed(given):
    """The same assumptions without their ranges."""
    held = {name: getattr(given, name) for name in type(given).model_fields}
    quantities = {name: value for name, value in held.items() if isinstance(value, Quantity)}
    exact = {name: value.model_copy(update={"distribution": "fixed"}) for name, value in quantities.items()}
    return given.model_copy(update=exact)


def bare(**keys):
    """Assumptions of a world where nothing costs anything but what is stated."""
    return stated(**(FREE | {"peak_to_mean": 1} | keys))


def number(name, value, unit="", **bounds):
    """A measured number without an interval."""
    return measured(name, Decimal(str(value)), unit=unit, source="made", **bounds)


def spread(name, value, low, high, distribution="triangular", ceiling=None):
    """A number with a range."""
    return Quantity(
        name=name,
        value=Decimal(str(value)),
        low=Decimal(str(low)),
        high=Decimal(str(high)),
        distribution=distribution,
        source="made",
        ceiling=ceiling,
    )


def priced(per_1000, name="cloud"):
    return MeasuredPrice(usd_per_1000=number(f"price of {name}", per_1000, "USD per 1,000 documents"))


def cloud(per_1000, name="cloud", correct=0.95):
    return keep(name, priced(per_1000, name), correct=number(f"right answers of {name}", correct, ceiling=1))


def tuned(given, seconds=1, name="tuned", correct=0.95, **more):
    return local(
        name,
        given,
        machine_seconds=number(f"machine time of {name}", seconds, "s a document"),
        correct=number(f"right answers of {name}", correct, ceiling=1),
        **({"retrained": False} | more),
    )
