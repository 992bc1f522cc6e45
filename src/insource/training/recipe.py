"""What training will do, every choice with its reason, decided before anything heavy is loaded."""

from __future__ import annotations

import math

from insource.types import Frozen

LORA_ALPHA = 32
RANK = 16
ENOUGH_STEPS = 150


class Choice(Frozen):
    """One setting, its value as shown, and why it has that value."""

    name: str
    value: str
    reason: str


class Recipe(Frozen):
    """A LoRA run: adapters on every linear layer, loss on the answer only.

    ``batch_size`` is rows a step. ``steps`` counts optimiser steps, ``evaluate_every`` steps between
    two looks at the validation split, ``patience`` looks without improvement before stopping.
    """

    rank: int
    alpha: int
    learning_rate: float
    epochs: float
    batch_size: int
    steps: int
    evaluate_every: int
    patience: int
    warmup: float
    max_tokens: int
    seed: int
    choices: tuple[Choice, ...]


def learning_rate_prior(hidden_size: int) -> float:
    """``5e-5 · 10 · (2000 / hidden)^0.781``, clamped to [1e-4, 1e-3].

    Source: "LoRA Without Regret" (Thinking Machines, 2025), the fit for Llama-like models. It was
    fitted at 2048 and wider, hence the clamp.
    """
    return float(min(max(5e-4 * (2000 / hidden_size) ** 0.781, 1e-4), 1e-3))


def default_epochs(examples: int) -> tuple[float, str]:
    """More passes over less data; early stopping ends them sooner."""
    for limit, epochs in ((200, 8), (1000, 5), (5000, 3)):
        if examples <= limit:
            return float(epochs), f"{examples} training examples are at most {limit:,}"
    return 2.0, f"{examples:,} training examples are more than 5,000"


def default_batch(rows_seen: float) -> tuple[int, str]:
    """The largest usual batch that still leaves ``ENOUGH_STEPS``; a short run needs steps, not width."""
    for size in (16, 8, 4):
        if rows_seen / size >= ENOUGH_STEPS:
            return size, f"the largest with at least {ENOUGH_STEPS} steps"
    return 2, f"so few rows that {ENOUGH_STEPS} steps need the smallest batch"


def plan(
    *,
    examples: int,
    hidden_size: int,
    longest_row_tokens: int,
    seed: int,
    epochs: float | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    rank: int | None = None,
) -> Recipe:
    """The recipe for that much data on a model of that width; given values win and say so."""
    chosen_epochs, epochs_reason = (epochs, "given") if epochs else default_epochs(examples)
    chosen_rate, rate_reason = (
        (learning_rate, "given")
        if learning_rate
        else (learning_rate_prior(hidden_size), f"prior for a hidden size of {hidden_size}")
    )
    batch, batch_reason = (batch_size, "given") if batch_size else default_batch(examples * chosen_epochs)
    steps = max(1, math.ceil(math.ceil(examples / batch) * chosen_epochs))
    every = max(1, steps // 8)
    choices = (
        Choice(
            name="method",
            value=f"LoRA r={rank or RANK}, all linear layers",
            reason="given" if rank else "rank is not the bottleneck of a narrow task",
        ),
        Choice(name="learning rate", value=f"{chosen_rate:.2g}", reason=rate_reason),
        Choice(name="epochs", value=f"{chosen_epochs:g}", reason=epochs_reason),
        Choice(name="batch", value=f"{batch} rows", reason=batch_reason),
        Choice(
            name="validation",
            value=f"every {every} steps",
            reason="eight looks a run; stops after three without improvement",
        ),
        Choice(name="length", value=f"{longest_row_tokens} tokens", reason="the longest row; nothing is cut"),
    )
    return Recipe(
        rank=rank or RANK,
        alpha=LORA_ALPHA,
        learning_rate=chosen_rate,
        epochs=chosen_epochs,
        batch_size=batch,
        steps=steps,
        evaluate_every=every,
        patience=3,
        warmup=0.05,
        max_tokens=longest_row_tokens,
        seed=seed,
        choices=choices,
    )
