"""The section ``[routing]``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from insource.types import Frozen
from insource.types.routing import Loss, Unit
from insource.types.ways import FieldMode, GreyZone, Rule


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
    escalate: Literal["document", "fields"] = Field(
        "document",
        description="What the cloud is asked for where an answer is doubtful: the whole `document`, or its "
        "doubtful `fields` alone, with the local draft.",
    )
    fields: dict[str, FieldMode] = Field(
        default_factory=dict,
        description="Where the value of a field of a JSON answer comes from, by name: `local` always here, "
        "`cloud` always from the cloud, `cascade` by its confidence. Any of them escalates single fields.",
    )
    prompts: tuple[str, ...] = Field(
        (),
        description="Further system messages that ask for the same job. A call with another one than those "
        "of the calibration documents goes to the cloud (`prompt-changed`).",
    )
    first: str = Field(
        "",
        description="A cheap local arm, by its name in the report, that is asked before the chosen one; "
        "where it is not sure enough, the chosen arm answers, and then the cloud.",
    )
    second_look: GreyZone | None = Field(
        None,
        description="Grey zone of confidences, such as `[0.3, 0.9]`: a language model is asked a second "
        "time, at another temperature, and agreement makes its answer surer. Off by default.",
    )
    cache_s: float = Field(
        0,
        ge=0,
        description="How long the answer to a call answers calls exactly like it (seconds); 0 keeps none.",
    )
    tier: str = Field(
        "",
        description="Cheaper cloud model to ask before `reference.model`, one of `[[reference.also]]`.",
    )
    tier_accepts: Literal["valid", "agreeing"] = Field(
        "valid",
        description="When the cheaper model's answer is taken: where it fits the contract (`valid`), or only "
        "where it also agrees with the local answer (`agreeing`).",
    )
    cloud_timeout_s: float = Field(
        600, gt=0, description="Maximum time without data from the clouds of the task (seconds)."
    )
    rules: tuple[Rule, ...] = Field(
        (),
        description="Which calls take which ways, as `[[routing.rules]]`; the first one that fits counts.",
    )
    fail: Literal["expensive", "closed"] = Field(
        "expensive",
        description="What an unknown cost counts as where a rule asks what was spent: not spent, so that the "
        "cloud may be asked (`expensive`), or spent (`closed`).",
    )

    @model_validator(mode="after")
    def _a_zone_has_two_ends(self) -> Self:
        if self.second_look is not None and not 0 <= self.second_look[0] < self.second_look[1] <= 1:
            raise ValueError("second_look needs two confidences in rising order, such as [0.3, 0.9]")
        return self
