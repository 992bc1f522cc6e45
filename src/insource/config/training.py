"""The section ``[training]``."""

from __future__ import annotations

from typing import Literal

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
    scored_documents: int | None = Field(
        None,
        ge=0,
        description="Validation documents on which every checkpoint is scored by the task's metric; 0 keeps "
        "the checkpoint of the lowest validation loss; when empty, chosen from the measured time.",
    )
    sweep: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Try learning rates and batch sizes on a part of the rows first; `auto`: where that "
        "takes at most a third of the run.",
    )
