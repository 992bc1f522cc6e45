"""The section ``[routing]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen


class RoutingSection(Frozen):
    """``[routing]``: the error bound of the cascade."""

    max_error: float = Field(
        0.1, gt=0, lt=1, description="Maximum share of wrong answers among those served locally (ratio)."
    )
    delta: float = Field(0.05, gt=0, lt=1, description="Probability that the bound does not hold (ratio).")
    on_infeasible: Literal["cloud", "median"] = Field(
        "cloud",
        description="When the data does not support the bound: always use the `cloud`, or use the `median` "
        "confidence as the threshold, without a guarantee.",
    )
