"""The section ``[routing]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from insource.types import Frozen
from insource.types.routing import Loss, Unit


class RoutingSection(Frozen):
    """``[routing]``: the error bound of the cascade."""

    loss: Loss = Field(
        "documents",
        description="What the bound counts among the answers served locally: wrong `documents` (with any "
        "field wrong), wrong `fields`, `invented` values among those answered, wrong fields as `weighted` by "
        "`[routing.weights]`, or, against the `cloud`, documents that are wrong here and right there.",
    )
    unit: Unit = Field(
        "documents",
        description="What the guarantee is about: `documents` of the groups of the calibration split, or the "
        "mean over `groups` that training never saw (needs 29 groups for 10 %, 59 for 5 %).",
    )
    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="For the loss `weighted`: what an error in a field costs, by its path (`total_amount`, "
        "`items.price`), which also stands for the fields below it. Others have the weight 1.",
    )
    most_fields: int | None = Field(
        None,
        ge=1,
        description="The most fields of a document, for the losses `fields`, `invented` and `weighted`. "
        "Default: what the schema allows. Needed where it sets no limit, such as for a list without "
        "`maxItems`; never take it from the answers.",
    )
    max_error: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Maximum share of what `loss` counts among the answers served locally (ratio).",
    )
    delta: float = Field(0.05, gt=0, lt=1, description="Probability that the bound does not hold (ratio).")
    on_infeasible: Literal["cloud", "median"] = Field(
        "cloud",
        description="When the data does not support the bound: always use the `cloud`, or use the `median` "
        "confidence as the threshold, without a guarantee.",
    )
