"""The section ``[serving]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen


class ServingSection(Frozen):
    """``[serving]``: the engine of the local model."""

    threads: int | None = Field(
        None, gt=0, description="Threads of the engine; when empty, the cores available to the process."
    )
    context_tokens: int = Field(
        2048, gt=0, description="Context length of one request: prompt and answer (tokens)."
    )
    grounding: Literal["auto", "off"] = Field(
        "auto",
        description="Values of the tuned model's JSON answers held to what the document states: `auto` for "
        "the fields whose training values are found in their documents, `off` for none.",
    )
    port: int = Field(0, ge=0, le=65535, description="Port of `insource serve`; 0 picks a free port.")
