"""The assumptions of ``[decision]`` as quantities, and what was measured in their place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

from insource.config.decision import Assumed, DecisionSection, assumed_keys, bounds
from insource.decision.economics.quantities import Quantity, exact
from insource.types import Assumption, Frozen


class Assumptions(Frozen):
    """Everything that the options share; the fields have the names and units of ``[decision]``.

    ``retraining_usd`` is what a cycle of retraining took beside its labels. It is None until one was
    measured; a cycle then takes the training of the option.
    """

    documents_per_month: Quantity
    volume_growth_per_year: Quantity
    peak_to_mean: Quantity
    cloud_price_decline_per_year: Quantity
    discount_per_year: Quantity
    hardware_usd: Quantity
    rent_usd_per_month: Quantity
    power_watts: Quantity
    kwh_usd: Quantity
    pue: Quantity
    engineering_usd_per_month: Quantity
    labour_usd_per_hour: Quantity
    build_hours: Quantity
    evaluation_hours: Quantity
    switch_hours: Quantity
    exit_hours: Quantity
    label_minutes: Quantity
    label_usd_per_hour: Quantity
    audit_share: Quantity
    retrainings_per_year: Quantity
    retraining_labels: Quantity
    classical_seconds: Quantity
    tuned_seconds: Quantity
    error_usd: dict[str, Quantity]
    hardware_months: Decimal
    horizon_months: int
    quoted_usd_per_month: Decimal | None = None
    retraining_usd: Quantity | None = None

    def quantities(self) -> tuple[Quantity, ...]:
        """Return all of them, in the order of the configuration."""
        listed = [
            value for name in type(self).model_fields if isinstance(value := getattr(self, name), Quantity)
        ]
        return (*listed, *self.error_usd.values())

    def shown(self) -> tuple[Assumption, ...]:
        """Return all of them as they are printed."""
        spans = {"hardware_months": float(self.hardware_months), "horizon_months": float(self.horizon_months)}
        periods = (
            Assumption(name=name, value=value, unit="months", source="[decision]")
            for name, value in spans.items()
        )
        return (*(quantity.shown() for quantity in self.quantities()), *periods)

    def measured(self, **found: Quantity | None) -> Self:
        """Return the assumptions with these replaced by what was measured; None leaves the assumption.

        Raises:
            DataError: ``economics-input`` when a measurement is not what the key can be.
        """
        replaced = {
            name: given.bounded(name, getattr(self, name).floor, getattr(self, name).ceiling)
            for name, given in found.items()
            if given is not None
        }
        return self.model_copy(update=replaced)


def assumptions(section: DecisionSection) -> Assumptions:
    """Return the section as quantities: the default, or what a person set, each with its range."""
    fields: dict[str, Any] = {
        name: _quantity(section, name, assumed) for name, assumed in assumed_keys().items()
    }
    costs = {kind: _error_cost(section, kind) for kind in section.error_usd}
    return Assumptions(
        **fields,
        error_usd=costs,
        hardware_months=exact(section.hardware_months),
        horizon_months=section.horizon_months,
        quoted_usd_per_month=None
        if section.quoted_usd_per_month is None
        else exact(section.quoted_usd_per_month),
    )


def _quantity(section: DecisionSection, name: str, assumed: Assumed) -> Quantity:
    value = exact(getattr(section, name))
    default = exact(DecisionSection.model_fields[name].default)
    least, most = bounds(name)
    floor, ceiling = exact(least), None if most is None else exact(most)
    yours = name in section.model_fields_set
    known = {"name": name, "value": value, "unit": assumed.unit, "floor": floor, "ceiling": ceiling}
    source = "yours" if yours else assumed.source
    if name in section.ranges:
        return _with_range(section, name, known)
    if assumed.low is None or assumed.high is None:
        return Quantity(**known, low=value, high=value, source=source, origin="yours" if yours else "default")
    low, high = _carried_over(exact(assumed.low), exact(assumed.high), default, value)
    return Quantity(
        **known,
        low=max(floor, low),
        high=high if ceiling is None else min(ceiling, high),
        distribution=assumed.distribution,
        source=source,
        origin="yours" if yours else "default",
    )


def _carried_over(low: Decimal, high: Decimal, default: Decimal, value: Decimal) -> tuple[Decimal, Decimal]:
    """Return the range of the default around another value: in proportion, around 0 shifted."""
    if default == 0:
        return low + value, high + value
    return low * value / default, high * value / default


def _error_cost(section: DecisionSection, kind: str) -> Quantity:
    value, name = exact(section.error_usd[kind]), f"error_usd.{kind}"
    known = {"name": name, "value": value, "unit": "USD an error"}
    if name in section.ranges:
        return _with_range(section, name, known)
    return Quantity(**known, low=value, high=value, source="yours", origin="yours")


def _with_range(section: DecisionSection, name: str, known: dict[str, Any]) -> Quantity:
    found = section.ranges[name]
    ends = [known["value"] if end is None else exact(end) for end in (found.low, found.high)]
    return Quantity(
        **known,
        low=ends[0],
        high=ends[1],
        distribution=found.distribution,
        source=found.source,
        origin="yours",
    )
