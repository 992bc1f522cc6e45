"""`[evaluation]` and `[reference]`."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class ReferenceSection(Frozen):
    model: str = Field(
        "",
        description="The cloud model to ask, as provider/model. Empty: only the rows' own `cloud_outputs`.",
    )
    base_url: str = Field("https://api.openai.com/v1", description="Base URL of an OpenAI-compatible API.")
    api_key_env: str = Field(
        "OPENAI_API_KEY", description="Name of the environment variable with the provider's key."
    )
    cost_per_1000_usd: float | None = Field(
        None, ge=0, description="Cost of 1,000 documents in the cloud, when known (US dollars)."
    )
    cost_source: str = Field("", description="Where that cost comes from; shown beside it.")


class EvaluationSection(Frozen):
    test_documents: int | None = Field(
        None, gt=0, description="At most this many test documents for the tuned model; all when empty."
    )
    base_documents: int = Field(
        40, gt=0, description="Test documents for the untuned models, a subset of the above (documents)."
    )
    calibration_documents: int | None = Field(
        None, gt=0, description="At most this many calibration documents; all when empty."
    )
    parity_prompts: int = Field(6, gt=0, description="Validation prompts of the parity gate (documents).")
    max_new_tokens: int | None = Field(
        None, gt=0, description="Longest answer allowed; 1.5 times the longest training answer when empty."
    )
