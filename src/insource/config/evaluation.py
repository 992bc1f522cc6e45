"""The sections ``[evaluation]`` and ``[reference]``."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class ReferenceSection(Frozen):
    """``[reference]``: the cloud model to compare with."""

    model: str = Field(
        "",
        description="Cloud model to ask, as provider/model; when empty, only the rows' `cloud_outputs`.",
    )
    base_url: str = Field("https://api.openai.com/v1", description="Base URL of an OpenAI-compatible API.")
    api_key_env: str = Field(
        "OPENAI_API_KEY", description="Name of the environment variable with the provider's key."
    )
    cost_per_1000_usd: float | None = Field(
        None, ge=0, description="Known cost of 1,000 documents in the cloud (US dollars)."
    )
    cost_source: str = Field("", description="Source of that cost; shown beside it.")


class EvaluationSection(Frozen):
    """``[evaluation]``: how many documents each evaluation uses."""

    test_documents: int | None = Field(
        None, gt=0, description="Maximum test documents for the tuned model; when empty, all."
    )
    base_documents: int = Field(
        40, gt=0, description="Test documents for the base models, a subset of those above."
    )
    validation_documents: int | None = Field(
        100, gt=0, description="Maximum validation documents to choose the candidate on; when empty, all."
    )
    calibration_documents: int | None = Field(
        None, gt=0, description="Maximum calibration documents; when empty, all."
    )
    parity_prompts: int = Field(
        6, gt=0, description="Number of validation prompts that the parity check uses."
    )
    max_new_tokens: int | None = Field(
        None,
        gt=0,
        description="Maximum answer length (tokens); when empty, 1.5 times the longest training answer.",
    )
    concurrency: int = Field(
        4, ge=1, le=64, description="Calls in flight at once to a model that is not on this machine."
    )
    repeats: int = Field(
        0, ge=0, description="How often documents are asked again, for the agreement from run to run."
    )
    repeat_documents: int = Field(20, gt=0, description="How many documents are asked again.")
