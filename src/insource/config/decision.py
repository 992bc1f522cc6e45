"""The section ``[decision]``: what the economics assume where nothing was measured."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from insource.types import Frozen

Distribution = Literal["fixed", "uniform", "triangular", "normal", "lognormal"]


@dataclass(frozen=True)
class Assumed:
    """What is assumed about a key beside its value: range, distribution, unit and source.

    ``low`` and ``high`` are the ends of the range (``uniform``, ``triangular``), or its 2.5th and 97.5th
    percentiles (``normal``, ``lognormal``). Without a range the value is fixed.
    """

    unit: str
    source: str
    low: float | None = None
    high: float | None = None
    distribution: Distribution = "fixed"


def _around(low: float, high: float, unit: str, source: str) -> Assumed:
    """Return a range in which the value is the median: half of the draws are below it."""
    return Assumed(unit, source, low, high, "lognormal")


def _triangular(low: float, high: float, unit: str, source: str) -> Assumed:
    return Assumed(unit, source, low, high, "triangular")


OURS = "our assumption; set yours"


class RangeSection(Frozen):
    """``[decision.ranges.KEY]``: how uncertain the value of a key is, and where it comes from."""

    model_config = ConfigDict(allow_inf_nan=False)

    low: float | None = Field(None, description="Low end.")
    high: float | None = Field(None, description="High end.")
    distribution: Distribution = Field("triangular", description="Distribution between the ends.")
    source: str = Field("yours", description="Source; shown beside the value.")


class DecisionSection(Frozen):
    """``[decision]``: the assumptions behind cost, break-even and payback.

    A number that is set keeps the range of the default in proportion; ``ranges`` sets another one.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    documents_per_month: Annotated[
        float, Assumed("documents a month", OURS, 25_000, 100_000, "lognormal")
    ] = Field(50_000, gt=0, description="Volume of the task (documents per month).")
    volume_growth_per_year: Annotated[
        float, _triangular(-0.2, 0.5, "a year", "no growth is assumed; the log shows yours")
    ] = Field(0.0, ge=-0.99, le=100, description="Growth of the volume (share per year).")
    peak_to_mean: Annotated[
        float, _around(1, 6, "times the mean", "office hours against a whole day; the log shows yours")
    ] = Field(3.0, ge=1, description="Volume of the busiest hours over the mean; sizes the machines.")
    cloud_price_decline_per_year: Annotated[
        float, _triangular(0.0, 0.9, "a year", "published claims: from no decline to tenfold a year (a16z)")
    ] = Field(0.4, ge=0, le=0.99, description="Decline of cloud prices (share per year).")
    horizon_months: int = Field(36, ge=1, le=240, description="Months that are looked ahead.")
    discount_per_year: Annotated[float, Assumed("a year", OURS)] = Field(
        0.08, ge=0, le=10, description="Discount rate (share per year)."
    )
    hardware_usd: Annotated[float, Assumed("USD a machine", "existing hardware unless set")] = Field(
        0, ge=0, description="Price of new hardware (US dollars); 0 for existing hardware."
    )
    hardware_months: float = Field(36, gt=0, description="Depreciation period of the hardware (months).")
    rent_usd_per_month: Annotated[float, Assumed("USD a machine and month", "nothing rented unless set")] = (
        Field(0, ge=0, description="Rent of a machine (US dollars per month); 0 when it is owned.")
    )
    power_watts: Annotated[float, _around(45, 180, "W", "a desktop processor under load; set yours")] = Field(
        90, ge=0, description="Power draw under load (watts)."
    )
    kwh_usd: Annotated[float, _around(0.1, 0.45, "USD/kWh", OURS)] = Field(
        0.25, ge=0, description="Price of electricity (US dollars per kWh)."
    )
    pue: Annotated[float, _triangular(1.0, 1.6, "times", "1 without cooling; about 1.6 in a data centre")] = (
        Field(1.0, ge=1, description="Power drawn in all over the power of the machine (PUE).")
    )
    engineering_usd_per_month: Annotated[
        float, _around(200, 1600, "USD a month", "1 to 16 hours a month; labour leads the cost below 1M")
    ] = Field(400, ge=0, description="Labour for monitoring and retraining (US dollars per month).")
    labour_usd_per_hour: Annotated[float, _around(60, 160, "USD an hour", OURS)] = Field(
        100, ge=0, description="Cost of an engineer (US dollars per hour)."
    )
    build_hours: Annotated[float, _around(30, 240, "hours", OURS)] = Field(
        80, ge=0, description="Labour to build the pipeline around a model of your own (hours)."
    )
    evaluation_hours: Annotated[float, _around(10, 60, "hours", OURS)] = Field(
        20, ge=0, description="Labour to evaluate it before it is used (hours)."
    )
    switch_hours: Annotated[float, _around(2, 40, "hours", OURS)] = Field(
        8, ge=0, description="Labour to move to another cloud model, endpoint or prompt (hours)."
    )
    exit_hours: Annotated[float, _around(2, 40, "hours", OURS)] = Field(
        8, ge=0, description="Labour to go back to the cloud at the end (hours)."
    )
    label_minutes: Annotated[float, _around(0.5, 5, "minutes a label", OURS)] = Field(
        2, ge=0, description="Time to label one document by hand (minutes)."
    )
    label_usd_per_hour: Annotated[float, _around(20, 80, "USD an hour", OURS)] = Field(
        40, ge=0, description="Cost of a person who labels (US dollars per hour)."
    )
    audit_share: Annotated[float, _triangular(0.0, 0.05, "of local answers", OURS)] = Field(
        0.01, ge=0, le=1, description="Share of the local answers that the cloud is asked about, too."
    )
    retrainings_per_year: Annotated[float, _triangular(0, 12, "a year", OURS)] = Field(
        2, ge=0, description="Retraining cycles (per year)."
    )
    retraining_labels: Annotated[float, _triangular(0, 500, "labels a cycle", OURS)] = Field(
        100, ge=0, description="Documents labelled by hand for one retraining cycle."
    )
    classical_seconds: Annotated[
        float,
        _around(0.002, 0.2, "s a document", "a classical model on one core, until one is measured here"),
    ] = Field(0.02, gt=0, description="Machine time of a classical model a document, until it is measured.")
    tuned_seconds: Annotated[
        float, _around(0.2, 5, "s a document", "a small language model on a CPU, until one is measured here")
    ] = Field(1.0, gt=0, description="Machine time of a tuned model a document, until it is measured.")
    error_usd: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {},
        description="Cost of one error by type (US dollars), such as `{ wrong = 0.5, invented = 5 }`; a type "
        "without a cost is not counted, and named.",
    )
    quoted_usd_per_month: float | None = Field(
        None, ge=0, description="A quoted cost of running it here (US dollars per month), to be checked."
    )
    need_s: float | None = Field(
        None, gt=0, description="Latency that callers accept (seconds, 95th percentile); when empty, any."
    )
    payback_probability: float = Field(
        0.8,
        gt=0.5,
        lt=1,
        description="Share of the draws that have to have paid back for a *go*; 1 minus it is a *no-go*.",
    )
    schema_changes_per_quarter: float = Field(
        3, gt=0, description="Changes of prompt or answer (per quarter) from which a trained model is a no."
    )
    label_noise: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Share of doubtful labels (contradictions, corrections) from which they come first.",
    )
    gates: tuple[str, ...] = Field(
        (),
        description="Conditions for CI, such as `difference.low > -0.02`, `p95_s < 1`, "
        "`cost_per_1000_correct < 2`: `insource decide` exits with 3 when one is false, with 4 when one is "
        "unknown.",
    )
    ranges: dict[str, RangeSection] = Field(
        {},
        description="Ranges of the keys above: `[decision.ranges.KEY]` with `low`, `high`, `distribution` "
        "(`fixed`, `uniform`, `triangular`, `normal`, `lognormal`), `source`.",
    )

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        """Refuse a range of an unknown key, or one that its value, bounds or distribution contradict."""
        for name, found in self.ranges.items():
            value = self._ranged(name)
            if value is None:
                raise ValueError(f"ranges.{name}: there is no such key with a range in [decision]")
            if problem := _problem(found, value, *bounds(name)):
                raise ValueError(f"ranges.{name}: {problem}")
        return self

    def without(self, names: Collection[str]) -> DecisionSection:
        """Return the section as if nobody had set these keys."""
        given = {key: getattr(self, key) for key in self.model_fields_set if key not in names}
        given["ranges"] = {key: one for key, one in self.ranges.items() if key not in names}
        return DecisionSection(**given)

    def _ranged(self, name: str) -> float | None:
        """Return the value of a key that may have a range."""
        kind, _, error = name.partition(".")
        if kind == "error_usd":
            return self.error_usd.get(error)
        return float(getattr(self, name)) if name in assumed_keys() else None


def _problem(found: RangeSection, value: float, floor: float, ceiling: float | None) -> str:
    """Return what is wrong with a range, empty when nothing is."""
    if found.distribution == "fixed":
        ends = (found.low, found.high)
        return "" if ends == (None, None) else "a fixed value has neither `low` nor `high`"
    if found.low is None or found.high is None or not found.low <= value <= found.high:
        return f"needs low <= {value:g} <= high"
    if found.distribution == "lognormal" and found.low <= 0:
        return "the ends of a lognormal range have to be above 0"
    if found.low < floor:
        return f"`low` has to be at least {floor:g}"
    return f"`high` has to be at most {ceiling:g}" if ceiling is not None and found.high > ceiling else ""


def assumed_keys() -> dict[str, Assumed]:
    """Return the keys that are assumptions, in file order, with what is assumed beside their values."""
    return {
        name: found
        for name, field in DecisionSection.model_fields.items()
        for found in field.metadata
        if isinstance(found, Assumed)
    }


def bounds(name: str) -> tuple[float, float | None]:
    """Return the least and the most that a key may be; what has no bound of its own starts at 0."""
    floor, ceiling = 0.0, None
    field = DecisionSection.model_fields.get(name)
    for bound in field.metadata if field else ():
        if (least := getattr(bound, "ge", None)) is not None:
            floor = float(least)
        if (most := getattr(bound, "le", None)) is not None:
            ceiling = float(most)
    return floor, ceiling
