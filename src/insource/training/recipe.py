"""The training recipe: every setting with its reason, chosen before anything heavy is loaded."""

from __future__ import annotations

import math

from insource.types import Frozen

LORA_ALPHA = 32
RANK = 16
ENOUGH_STEPS = 150


class Choice(Frozen):
    """One setting, its value as shown, and the reason for it."""

    name: str
    value: str
    reason: str


class Recipe(Frozen):
    """A LoRA run: adapters on every linear layer, loss on the answer only.

    ``batch_size`` is rows per step. ``steps`` counts optimiser steps. ``evaluate_every`` is the number of
    steps between two evaluations on the validation split; training stops after ``patience`` evaluations
    without improvement.
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
    """Return ``5e-5 · 10 · (2000 / hidden)^0.781``, clamped to [1e-4, 1e-3].

    Source: "LoRA Without Regret" (Thinking Machines, 2025), the fit for Llama-like models. It was fitted for
    hidden sizes of 2048 and above, hence the clamp.
    """
    return float(min(max(5e-4 * (2000 / hidden_size) ** 0.781, 1e-4), 1e-3))


def default_epochs(examples: int) -> tuple[float, str]:
    """Return the number of epochs and the reason: more epochs for less data; early stopping may end them
    sooner.
    """
    for limit, epochs in ((200, 8), (1000, 5), (5000, 3)):
        if examples <= limit:
            return float(epochs), f"{examples} training examples are at most {limit:,}"
    return 2.0, f"{examples:,} training examples are more than 5,000"


def default_batch(rows_seen: float) -> tuple[int, str]:
    """Return the largest usual batch size that leaves ``ENOUGH_STEPS`` steps, and the reason."""
    for size in (16, 8, 4):
        if rows_seen / size >= ENOUGH_STEPS:
            return size, f"the largest with at least {ENOUGH_STEPS} steps"
    return 2, f"the smallest, because there are too few rows for {ENOUGH_STEPS} steps"


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
    """Return the recipe for this amount of data and model width; given values take
    precedence and are marked.
    """
    chosen_epochs, epochs_reason = (epochs, "given") if epochs else default_epochs(examples)
    chosen_rate, rate_reason = (
        (learning_rate, "given")
        if learning_rate
        else (learning_rate_prior(hidden_size), f"prior for a hidden size of {hidden_size}")
    )
    batch, batch_reason = (batch_size, "given") if batch_size else default_batch(examples * chosen_epochs)
    steps = max(1, math.ceil(math.ceil(examples / batch) * chosen_epochs))
    every = max(1, steps // 8)
    reasons = {
        "method": "given" if rank else "a narrow task does not need a higher rank",
        "learning rate": rate_reason,
        "epochs": epochs_reason,
        "batch": batch_reason,
        "validation": "eight evaluations per run; stops after three without improvement",
        "length": "the longest row; nothing is truncated",
    }
    recipe = Recipe(
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
        choices=(),
    )
    values = _in_words(recipe)
    choices = tuple(Choice(name=name, value=values[name], reason=reasons[name]) for name in reasons)
    return recipe.model_copy(update={"choices": choices})


def _in_words(recipe: Recipe) -> dict[str, str]:
    return {
        "method": f"LoRA r={recipe.rank}, all linear layers",
        "learning rate": f"{recipe.learning_rate:.2g}",
        "epochs": f"{recipe.epochs:g}",
        "batch": f"{recipe.batch_size} rows",
        "validation": f"every {recipe.evaluate_every} steps",
        "length": f"{recipe.max_tokens} tokens",
    }
