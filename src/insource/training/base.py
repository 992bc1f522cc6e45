"""The base model as PyTorch weights, unpacked once from the GGUF file that is served.

Training uses the dequantised weights of the served file, so the exported adapter matches it exactly: nothing
is quantised again between training and serving.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from insource.foundation.errors import ProviderError, missing_extra
from insource.models.catalogue import BaseModel, cache_dir, require_disk_space


def require_extra() -> None:
    """Check that everything training needs is installed.

    Raises:
        PrerequisiteError: ``missing-extra``, with the install command.
    """
    for module in ("torch", "transformers", "peft", "trl", "gguf", "datasets"):
        if find_spec(module) is None:
            raise missing_extra("Training", "train", module)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the libraries' progress bars and ``FutureWarning``s within the block."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def unpacked(base: BaseModel) -> Path:
    """Return a folder for ``from_pretrained``, created once per base model in the cache.

    Raises:
        PrerequisiteError: ``missing-extra``, ``disk-full``.
        ProviderError: ``model-not-trainable``.
    """
    folder = cache_dir() / "unpacked" / base.digest[:16]
    if folder.exists():
        return folder
    require_extra()
    folder.parent.mkdir(parents=True, exist_ok=True)
    require_disk_space(folder.parent, base.gguf.stat().st_size * 8, f"Unpacking {base.name} for training")
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpack-"))
    try:
        with quiet():
            _unpack(base, scratch)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same weights
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _unpack(base: BaseModel, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source, file = str(base.gguf.parent), base.gguf.name
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=file)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            gguf_file=file,
            dtype=torch.float32,
            # Since transformers 5.23, GGUF weights stay packed by default and are unpacked at every step.
            quantization_config=GgufConfig(dequantize=True),
        )
    except (ValueError, KeyError, NotImplementedError, RuntimeError, OSError) as error:
        raise ProviderError(
            "model-not-trainable",
            f"The weights in {base.gguf.name} cannot be unpacked for training: {error}",
            hint="Use a GGUF that transformers can read (llama, qwen2, qwen3, gemma, phi3 …).",
        ) from error
    _as_served(tokenizer, base.gguf)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _as_served(tokenizer: Any, gguf_path: Path) -> None:
    """Make the tokenizer split text as llama.cpp does with this file.

    transformers builds a plain GPT-2 splitter from every GGUF. SmolLM's splits off single digits first, so
    "V:  480" would have different tokens in training and in serving. The parity gate compares the tokens of
    every prompt and would refuse such an export.
    """
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    name = GGUFReader(gguf_path).fields.get("tokenizer.ggml.pre")
    if name is not None and name.contents() == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
        )


def load_tokenizer(base: BaseModel) -> Any:
    """Return the tokenizer, with the chat template of the GGUF file."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(unpacked(base)))


def tokenizer_alone(base: BaseModel) -> Any:
    """Return the tokenizer as ``load_tokenizer``, without unpacking the weights."""
    from transformers import AutoTokenizer

    if (cache_dir() / "unpacked" / base.digest[:16]).exists():
        return load_tokenizer(base)
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(str(base.gguf.parent), gguf_file=base.gguf.name)
    _as_served(tokenizer, base.gguf)
    return tokenizer


def load_model(base: BaseModel, dtype: Any) -> Any:
    """Return the model with all weights in ``dtype`` (a ``torch.dtype``)."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(unpacked(base)), dtype=dtype)


def best_dtype() -> tuple[Any, str]:
    """Return the best weight type for this machine, and the reason in words."""
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16, "a CUDA device is available"
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.bfloat16, "this CPU multiplies bfloat16 natively"
    return torch.float32, "this CPU has no native bfloat16"
