"""`[training]` and `[serving]`."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class TrainingSection(Frozen):
    model: str = Field("smollm2-135m-instruct", description="Base model: a catalogue name or gguf/PATH.")
    epochs: float | None = Field(
        None, gt=0, description="Passes over the training split; planned when empty."
    )
    learning_rate: float | None = Field(None, gt=0, description="Peak learning rate; planned when empty.")
    batch_size: int | None = Field(None, gt=0, description="Rows a step; planned when empty.")
    rank: int | None = Field(None, gt=0, description="Rank of the LoRA adapters; planned when empty.")
    max_tokens: int = Field(2048, gt=0, description="Longest row allowed; longer ones stop the run (tokens).")
    validation_documents: int = Field(
        32, gt=0, description="At most this many validation documents a look (documents)."
    )


class ServingSection(Frozen):
    threads: int | None = Field(
        None, gt=0, description="Threads of the engine; the cores this process may use when empty."
    )
    context_tokens: int = Field(2048, gt=0, description="Context of one request, prompt and answer (tokens).")
    port: int = Field(0, ge=0, le=65535, description="Port of `insource serve`; 0 takes a free one.")
