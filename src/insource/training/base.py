"""The base model as PyTorch weights, unpacked once from the very GGUF file that will be served.

Training on the dequantised weights of the served file makes the exported adapter exact on top of it:
nothing is re-quantised between training and serving.
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
    """Name the one line that installs what training needs.

    Raises:
        PrerequisiteError: ``missing-extra``.
    """
    for module in ("torch", "transformers", "peft", "trl", "gguf", "datasets"):
        if find_spec(module) is None:
            raise missing_extra("Training", "train", module)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' own progress bars, and without their deprecations of one another.

    Those are for their authors; our progress and our warnings are for our users.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def unpacked(base: BaseModel) -> Path:
    """A folder ``from_pretrained`` reads, made once per base model and kept in the cache."""
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
        scratch.rename(folder)
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
            # Since transformers 5.23 GGUF weights stay packed by default, and every step unpacks them.
            quantization_config=GgufConfig(dequantize=True),
        )
    except (ValueError, KeyError, NotImplementedError, RuntimeError, OSError) as error:
        raise ProviderError(
            "model-not-trainable",
            f"The weights in {base.gguf.name} cannot be unpacked for training: {error}",
            hint="Use a GGUF of an architecture transformers reads (llama, qwen2, qwen3, gemma, phi3 …).",
        ) from error
    _as_served(tokenizer, base.gguf)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _as_served(tokenizer: Any, gguf_path: Path) -> None:
    """Split text as llama.cpp does with this file.

    transformers builds a plain GPT-2 splitter from every GGUF. SmolLM's cuts out single digits first,
    so that "V:  480" would have other tokens in training than when served. The parity gate compares
    the tokens of every prompt and would refuse such an export.
    """
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    name = GGUFReader(gguf_path).fields.get("tokenizer.ggml.pre")
    if name is not None and name.contents() == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
        )


def load_tokenizer(base: BaseModel) -> Any:
    """The tokenizer with the chat template that is inside the GGUF file."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(unpacked(base)))


def tokenizer_alone(base: BaseModel) -> Any:
    """As ``load_tokenizer``, read from the GGUF file without unpacking the weights beside it."""
    from transformers import AutoTokenizer

    if (cache_dir() / "unpacked" / base.digest[:16]).exists():
        return load_tokenizer(base)
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(str(base.gguf.parent), gguf_file=base.gguf.name)
    _as_served(tokenizer, base.gguf)
    return tokenizer


def load_model(base: BaseModel, dtype: Any) -> Any:
    """The model with all weights in ``dtype`` (a ``torch.dtype``)."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(unpacked(base)), dtype=dtype)


def best_dtype() -> tuple[Any, str]:
    """The weights' type on this machine, and the reason in words."""
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16, "a CUDA device is there"
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.bfloat16, "this CPU multiplies bfloat16 natively"
    return torch.float32, "this CPU has no native bfloat16"
