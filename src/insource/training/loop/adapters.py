"""The base model with the weights that training changes."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from insource.models.catalogue import BaseModel
from insource.training.base import load_model
from insource.training.recipe import Recipe

ADAPTER, MODEL = "adapter", "model"


def adapted(base: BaseModel, recipe: Recipe, dtype: Any) -> Any:
    """Return the base in ``dtype`` with what the recipe trains: new adapters in float32, or every weight."""
    torch.manual_seed(recipe.seed)
    if recipe.method == "full":
        return load_model(base, dtype)
    # The adapter stays in float32 on a bfloat16 base, because bfloat16 would lose small updates
    return get_peft_model(
        load_model(base, dtype),
        LoraConfig(
            task_type="CAUSAL_LM",
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            bias="none",
            target_modules=list(recipe.targets) or "all-linear",
            use_rslora=recipe.method == "rslora",
            use_dora=recipe.method == "dora",
        ),
    )
