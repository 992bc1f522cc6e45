"""The section ``[reference]``: the cloud to compare with, and other models that are asked for money."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from insource.types import Frozen


class AskedModel(Frozen):
    """A model of a provider: how it is reached, and what it costs."""

    model: str = Field("", description="Model to ask, as provider/model.")
    base_url: str = Field("https://api.openai.com/v1", description="Base URL of an OpenAI-compatible API.")
    api_key_env: str = Field(
        "OPENAI_API_KEY", description="Name of the environment variable with the provider's key."
    )
    cost_per_1000_usd: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Known cost of 1,000 documents (US dollars)."
    )
    cost_source: str = Field("", description="Source of that cost; shown beside it.")


class TierSection(AskedModel):
    """``[[reference.also]]``: another cloud model, such as a cheaper tier."""

    model: str = Field(min_length=1, description="Model to ask, as provider/model.")
    with_schema: bool = Field(True, description="Hold its answers to the task's schema or labels.")


class DecisionModelSection(AskedModel):
    """``[[reference.decisions]]``: a hosted decision model."""

    model: str = Field(min_length=1, description="Model to ask, as provider/model.")
    contract: Literal["openai", "systemone"] = Field(
        "openai", description="Contract: OpenAI's `/v1/decisions` or TypeSafe's `/v1/systemone`."
    )


class ReferenceSection(AskedModel):
    """``[reference]``: the cloud model to compare with, and what else is asked for money."""

    model: str = Field(
        "",
        description="Cloud model to ask, as provider/model; when empty, only the rows' `cloud_outputs`.",
    )
    cost_per_1000_usd: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Known cost of 1,000 documents in the cloud (US dollars).",
    )
    with_schema: bool = Field(
        False,
        description="Ask this model anew with its answers held to the schema or labels, for money.",
    )
    also: tuple[TierSection, ...] = Field(
        (),
        description="Other cloud models to measure, such as cheaper tiers: `[[reference.also]]` with `model`,"
        " `base_url`, `api_key_env`, `with_schema`, `cost_per_1000_usd`, `cost_source`.",
    )
    decisions: tuple[DecisionModelSection, ...] = Field(
        (),
        description="Hosted decision models to measure: `[[reference.decisions]]` with `model`, `contract` "
        "(`openai` or `systemone`), `base_url`, `api_key_env`, `cost_per_1000_usd`, `cost_source`.",
    )
    max_usd: float = Field(
        5.0,
        ge=0,
        allow_inf_nan=False,
        description="Most that the task may spend on measuring these other models and the schema, all runs "
        "together (US dollars).",
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        """Refuse two arms of one name: the figures of one would stand for the other."""
        asked = [(tier.model, tier.with_schema) for tier in self.also]
        asked += [(self.model, True)] if self.with_schema else []
        deciding = [section.model for section in self.decisions]
        for listed, where in (
            (asked, "[reference] and [[reference.also]]"),
            (deciding, "[[reference.decisions]]"),
        ):
            if len(set(listed)) < len(listed):
                raise ValueError(f"{where} name the same model twice; give each one a name of its own")
        return self
