"""The base model with the weights that training changes."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from insource.models.catalogue import BaseModel
from insource.training.base import load_model
from insource.training.recipe import Recipe


def adapted(base: BaseModel, recipe: Recipe, dtype: Any) -> Any:
    """Return the base in ``dtype`` with new LoRA adapters in float32."""
    torch.manual_seed(recipe.seed)
    # The adapter stays in float32 on a bfloat16 base, because bfloat16 would lose small updates
    return get_peft_model(
        load_model(base, dtype),
        LoraConfig(
            task_type="CAUSAL_LM",
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=0.0,
            bias="none",
            target_modules="all-linear",
        ),
    )
