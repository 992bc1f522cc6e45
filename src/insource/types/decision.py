"""The decision: the verdict, the break-even volume and the assumptions behind them."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen


class Assumption(Frozen):
    """An input of the economics: its value, unit and source, and the range that is taken for it.

    ``low`` and ``high`` are None where the value is taken as exact. ``origin`` is empty in a result of before
    it was stated: it was assumed.
    """

    name: str
    value: float
    unit: str
    source: str
    low: float | None = None
    high: float | None = None
    distribution: str = "fixed"
    origin: Literal["", "measured", "yours", "default"] = ""


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
