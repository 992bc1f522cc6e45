"""The decision: the verdict, the break-even volume and the assumptions behind them."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen


class Assumption(Frozen):
    """An input of the economics that was not measured: its value, unit and source."""

    name: str
    value: float
    unit: str
    source: str


class BreakEven(Frozen):
    """The number of documents per month from which running locally costs less than the cloud.

    ``documents_per_month`` is None when no volume breaks even; ``reason`` says why. ``never`` is true when
    the cloud costs less per document, and false when a cost is unknown. ``hosted`` is true where the chosen
    arm runs elsewhere and both prices are known: it has no fixed cost, so no volume breaks even, and
    ``sentence`` has both prices.
    """

    cloud_per_1000_usd: float | None
    local_per_1000_usd: float | None
    fixed_monthly_usd: float
    documents_per_month: float | None
    never: bool = False
    capacity_documents_per_month: float | None
    reason: str
    sentence: str
    assumptions: tuple[Assumption, ...]
    hosted: bool = False


class Verdict(Frozen):
    """The answer in one sentence, with its reasons and the changes that would reverse it."""

    outcome: Literal["go", "no-go", "undecided"]
    sentence: str
    reasons: tuple[str, ...] = ()
    flips_if: tuple[str, ...] = ()
