"""The section ``[training]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen

Method = Literal["lora", "qlora", "rslora", "dora", "full"]
Precision = Literal["float32", "bfloat16"]
Optimizer = Literal["adamw", "adamw_8bit", "paged_adamw_8bit"]
Scheduler = Literal["cosine", "linear", "constant"]


class TrainingSection(Frozen):
    """``[training]``: the base model and its fine-tuning."""

    model: str = Field(
        "smollm2-135m-instruct",
        description="Base model: a catalogue name, hf/PATH, hf/ORG/NAME, gguf/PATH or ollama/NAME.",
    )
    method: Method = Field(
        "lora",
        description="What is trained: `lora`, `qlora` (on a base of 4 bits), `rslora`, `dora` (adapters; "
        "served only when merged), or `full` (every weight).",
    )
    epochs: float | None = Field(None, gt=0, description="Training epochs; when empty, chosen from the data.")
    steps: int | None = Field(None, gt=0, description="Optimiser steps, in place of epochs.")
    learning_rate: float | None = Field(None, gt=0, description="Peak learning rate; when empty, chosen.")
    scheduler: Scheduler = Field("cosine", description="Course of the learning rate after the warm-up.")
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of AdamW.")
    max_grad_norm: float = Field(1.0, ge=0, description="Gradients are clipped to this norm; 0: never.")
    optimizer: Optimizer | None = Field(
        None, description="Optimiser; the 8-bit ones need CUDA and bitsandbytes; when empty, chosen."
    )
    batch_size: int | None = Field(None, gt=0, description="Rows per step; when empty, chosen.")
    micro_batch_tokens: int | None = Field(
        None, gt=0, description="Tokens computed at once, with padding; when empty, chosen by memory."
    )
    rank: int | None = Field(None, gt=0, description="Rank of the LoRA adapters; when empty, chosen.")
    alpha: int = Field(32, gt=0, description="Adapters are scaled by alpha / rank (rsLoRA: alpha / √rank).")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of the adapters' inputs.")
    target_modules: tuple[str, ...] = Field(
        (), description="Linear layers with adapters, such as `q_proj`; when empty, all of them."
    )
    precision: Precision | None = Field(
        None, description="Type of the base's weights; when empty, chosen by the machine."
    )
    gradient_checkpointing: bool | None = Field(
        None, description="Compute activations twice to save memory; when empty, chosen by memory."
    )
    processes: int = Field(
        1, gt=0, description="Processes that compute each step together, one a GPU; joined by accelerate."
    )
    sharded: bool = Field(
        False,
        description="Each process holds a part of the weights (FSDP2), for a model that fits on no single "
        "GPU; not with `qlora`.",
    )
    max_memory_gb: float | None = Field(
        None,
        gt=0,
        description="Memory that training may take (GB); when empty, 4 on a CPU where that is enough.",
    )
    max_tokens: int = Field(
        2048, gt=0, description="Maximum length of a row; a longer row stops the run (tokens)."
    )
    compact_answers: bool = Field(
        False,
        description="Train JSON answers as lists of values in the schema's order, without keys; what is "
        "served has them again.",
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
    evaluate_every: int | None = Field(
        None, gt=0, description="Steps between evaluations on the validation split; when empty, an eighth."
    )
    patience: int = Field(
        3, ge=0, description="Evaluations without improvement before training stops; 0: never early."
    )
    seed: int | None = Field(None, description="Seed of the training; when empty, from project.seed.")
    force: bool = Field(
        False, description="Train although a check failed that may be overridden; the run records which."
    )
    usd_per_hour: float | None = Field(
        None,
        ge=0,
        description="Price of the machine (US dollars per hour); when empty, electricity.",
    )
