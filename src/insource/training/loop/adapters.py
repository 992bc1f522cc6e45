"""The base model with the weights that training changes."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from insource.models.catalogue import BaseModel
from insource.training.base import load_model, unpacked
from insource.training.recipe import Recipe

ADAPTER, MODEL = "adapter", "model"


def adapted(base: BaseModel, recipe: Recipe, dtype: Any) -> Any:
    """Return the base in ``dtype`` with what the recipe trains: new adapters in float32, or every weight."""
    torch.manual_seed(recipe.seed)
    if recipe.method == "full":
        return load_model(base, dtype)
    model = _in_four_bits(base, dtype) if recipe.method == "qlora" else load_model(base, dtype)
    # The adapter stays in float32 on a bfloat16 base, because bfloat16 would lose small updates
    return get_peft_model(
        model,
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


def _in_four_bits(base: BaseModel, dtype: Any) -> Any:
    """Return the base on the GPU, its linear layers in NF4 with double quantisation (arXiv 2305.14314)."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    return AutoModelForCausalLM.from_pretrained(
        str(unpacked(base)),
        dtype=dtype,
        device_map={"": torch.cuda.current_device()},
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        ),
    )
