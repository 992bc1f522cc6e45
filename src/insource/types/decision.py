"""What the numbers say to do, and what would change it."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen


class Assumption(Frozen):
    """An input of the economics that nobody measured: its value, unit and where it comes from."""

    name: str
    value: float
    unit: str
    source: str


class BreakEven(Frozen):
    """Documents a month from which running locally costs less than the cloud.

    ``documents_per_month`` is None when no volume breaks even (``reason`` says why); ``never`` is true
    when that is because the cloud costs less than running here, not because something is unknown.
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


class Verdict(Frozen):
    """The answer in one line, with its reasons and what would flip it."""

    outcome: Literal["go", "no-go", "undecided"]
    sentence: str
    reasons: tuple[str, ...] = ()
    flips_if: tuple[str, ...] = ()
