"""The section ``[serving]``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from insource.types import Frozen

EngineKind = Literal["llamacpp", "vllm", "llama-server", "ollama"]


class ServingSection(Frozen):
    """``[serving]``: the engine of the local model."""

    engine: EngineKind = Field(
        "llamacpp",
        description="Engine: llamacpp is started by Insource; vllm, llama-server or ollama run at `url`.",
    )
    url: str = Field("", description="Address of an engine that already runs, without a path.")
    model: str = Field(
        "", description="Name of the model at `url`; when empty, the only one that the engine has."
    )
    api_key_env: str = Field("", description="Environment variable with the key of the engine at `url`.")
    threads: int | None = Field(
        None, gt=0, description="Threads of the engine; when empty, the cores that other processes leave."
    )
    slots: int | None = Field(
        None,
        gt=0,
        description="Documents that a served model answers at once; when empty, up to 4 as memory allows. "
        "An evaluation always asks one after the other.",
    )
    context_tokens: int = Field(
        2048, gt=0, description="Context length of one request: prompt and answer (tokens)."
    )
    memory_limit_gb: float | None = Field(
        None, gt=0, description="Memory that the engine may take; when empty, what is free (GB)."
    )
    grounding: Literal["auto", "off"] = Field(
        "auto",
        description="Values of the tuned model's JSON answers held to what the document states: `auto` for "
        "the fields whose training values are found in their documents, `off` for none.",
    )
    port: int = Field(0, ge=0, le=65535, description="Port of `insource serve`; 0 picks a free port.")

    @model_validator(mode="after")
    def _url_fits_the_engine(self) -> Self:
        if self.engine == "llamacpp" and self.url:
            raise ValueError('engine = "llamacpp" is started by Insource; for a url, name another engine')
        if self.engine != "llamacpp" and not self.url.startswith(("http://", "https://")):
            raise ValueError(f'engine = "{self.engine}" needs the url of a running server')
        return self
