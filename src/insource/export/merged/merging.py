"""Merge an adapter into the weights of its base model, as a Hugging Face folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from insource.foundation.errors import IntegrityError
from insource.models.catalogue import BaseModel
from insource.models.weights.wheel import require_disk_space
from insource.training.base import load_model, load_tokenizer, quiet, unpacked

CONFIG = "adapter_config.json"


def load_trained(base: BaseModel, trained: Path, dtype: Any) -> Any:
    """Return the trained model in ``dtype``: the base with the PEFT adapter ``trained``, or its full weights.

    Raises:
        IntegrityError: ``wrong-base`` when the adapter was made for another model.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with quiet():
        if not (trained / CONFIG).exists():
            return AutoModelForCausalLM.from_pretrained(str(trained), dtype=dtype).eval()
        model = load_model(base, dtype)
        try:
            return PeftModel.from_pretrained(model, str(trained)).eval()
        except (RuntimeError, ValueError) as error:  # sizes or layers that the base does not have
            raise IntegrityError(
                "wrong-base",
                f"The adapter does not fit the base model {base.name}.",
                details=(str(error).strip().splitlines()[-1].strip(),),
                hint="Name the base that it was trained on in `[training] model`, or train again:\n"
                "      insource train",
            ) from error


def merge(base: BaseModel, trained: Path, folder: Path) -> None:
    """Write ``folder``, for ``from_pretrained``: the weights of the trained model without an adapter.

    The adapter is added to 32-bit weights, never to a 4-bit copy. Weights are stored in 16 bits: as bfloat16
    where the base came so, else as float16, which is nearer to the 32-bit values.

    Raises:
        IntegrityError: ``weights-not-finite`` for a weight that is no number, or too large for float16;
            ``wrong-base``.
        PrerequisiteError: ``disk-full``, before anything is written.
    """
    import torch

    with quiet():
        model = load_trained(base, trained, torch.float32)
        if hasattr(model, "merge_and_unload"):
            try:
                model = model.merge_and_unload(safe_merge=True)
            except ValueError as error:  # PEFT found NaNs in a merged weight
                raise _not_finite(str(error)) from error
        dtype = _stored_as(base)
        size = sum(weights.numel() for weights in model.state_dict().values())
        require_disk_space(folder.parent, size * 2, "The merged model")
        model = model.to(dtype)
        for name, weights in model.named_parameters():
            if not torch.isfinite(weights).all():
                raise _not_finite(f"{name} as {dtype}")
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        load_tokenizer(base).save_pretrained(folder)


def _stored_as(base: BaseModel) -> Any:
    """Return the 16-bit type in which the merged weights lose least."""
    import json

    import torch

    config = json.loads((unpacked(base) / "config.json").read_text(encoding="utf-8"))
    stated = config.get("dtype") or config.get("torch_dtype")
    return torch.bfloat16 if stated == "bfloat16" else torch.float16


def _not_finite(what: str) -> IntegrityError:
    return IntegrityError(
        "weights-not-finite",
        f"The merged model has weights that are no finite number: {what}.",
        hint="Train again with a smaller learning rate: set `learning_rate` in [training].",
    )
