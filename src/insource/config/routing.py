"""`[routing]`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen


class RoutingSection(Frozen):
    max_error: float = Field(
        0.1, gt=0, lt=1, description="Largest share of wrong documents among those served locally (ratio)."
    )
    delta: float = Field(0.05, gt=0, lt=1, description="Chance the bound may fail to hold (ratio).")
    on_infeasible: Literal["cloud", "median"] = Field(
        "cloud",
        description="When the data cannot support the bound: ask the cloud always, or work at the median "
        "confidence without any guarantee.",
    )
