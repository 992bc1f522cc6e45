"""The section ``[evaluation]``."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class EvaluationSection(Frozen):
    """``[evaluation]``: how many documents each evaluation uses."""

    test_documents: int | None = Field(
        None, gt=0, description="Maximum test documents for the tuned model; when empty, all."
    )
    base_documents: int = Field(
        40, gt=0, description="Test documents for the base models, a subset of those above."
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
