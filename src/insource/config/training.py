"""The section ``[training]``."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class TrainingSection(Frozen):
    """``[training]``: the base model and its fine-tuning."""

    model: str = Field("smollm2-135m-instruct", description="Base model: a catalogue name or gguf/PATH.")
    epochs: float | None = Field(None, gt=0, description="Training epochs; when empty, chosen from the data.")
    learning_rate: float | None = Field(None, gt=0, description="Peak learning rate; when empty, chosen.")
    batch_size: int | None = Field(None, gt=0, description="Rows per step; when empty, chosen.")
    rank: int | None = Field(None, gt=0, description="Rank of the LoRA adapters; when empty, chosen.")
    max_tokens: int = Field(
        2048, gt=0, description="Maximum length of a row; a longer row stops the run (tokens)."
    )
    validation_documents: int = Field(
        32, gt=0, description="Maximum validation documents per checkpoint evaluation."
    )
