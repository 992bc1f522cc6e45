"""The base model as PyTorch weights, unpacked once from the GGUF file that is served.

Training uses the dequantised weights of the served file, so the exported adapter matches it exactly: nothing
is quantised again between training and serving.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from insource.foundation.canonical import digest
from insource.foundation.errors import ProviderError, missing_extra
from insource.models.catalogue import BaseModel
from insource.models.chat_format import chat_format_of
from insource.models.conversion.convert import read_source, spelling
from insource.models.conversion.pre_tokenizers import named
from insource.models.conversion.vocabulary import not_supported
from insource.models.gguf_metadata import read_values
from insource.models.weights.wheel import cache_dir, require_disk_space

MODEL, PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"


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

    Its tokenizer splits text as the engine does, and ends an answer with the stop token of the template.

    Raises:
        PrerequisiteError: ``missing-extra``, ``disk-full``.
        ProviderError: ``model-not-trainable``.
    """
    folder = _unpacked_folder(base)
    if folder.exists():
        if all(path.exists() for path in folder.iterdir()):
            return folder
        shutil.rmtree(folder)  # it has links to a folder that was moved since
    require_extra()
    folder.parent.mkdir(parents=True, exist_ok=True)
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


def _unpacked_folder(base: BaseModel) -> Path:
    """Return where a base is unpacked: by its content and, as weights are linked, by their folder."""
    linked = "" if base.weights is None else f"-{digest(str(base.weights))[:8]}"
    return cache_dir() / "unpacked" / f"{base.digest[:16]}{linked}"


def _unpack(base: BaseModel, folder: Path) -> None:
    if base.weights is not None:
        for path in (*base.weights.glob("*.safetensors*"), *base.weights.glob("*config.json")):
            if path.name != "tokenizer_config.json":
                (folder / path.name).symlink_to(path)
    else:
        needed = base.gguf.stat().st_size * 8
        require_disk_space(folder.parent, needed, f"Unpacking {base.name} for training")
        _unpack_weights(base.gguf, folder)
    _tokenizer(base).save_pretrained(folder)


def _unpack_weights(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(gguf.parent),
            gguf_file=gguf.name,
            dtype=torch.float32,
            # Since transformers 5.23, GGUF weights stay packed by default and are unpacked at every step.
            quantization_config=GgufConfig(dequantize=True),
        )
    except (ValueError, KeyError, NotImplementedError, RuntimeError, OSError) as error:
        raise ProviderError(
            "model-not-trainable",
            f"The weights in {gguf.name} cannot be unpacked for training: {error}",
            hint="Use a GGUF that transformers can read (llama, qwen2, qwen3, gemma, phi3 …), or the\n"
            "      Hugging Face folder of the model, as `hf/./path/to/folder`.",
        ) from error
    model.save_pretrained(folder)


def _tokenizer(base: BaseModel) -> Any:
    """Return the tokenizer of a base model as the engine has it."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if base.weights is None:
        tokenizer = AutoTokenizer.from_pretrained(str(base.gguf.parent), gguf_file=base.gguf.name)
        _as_served(tokenizer, base.gguf)
        return tokenizer
    source = read_source(base.weights)
    # Not by AutoTokenizer: transformers' classes for one family build their own splitter.
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_backend(source.tokenizer),
        bos_token=source.chat.bos or None,
        eos_token=source.chat.stop_tokens[0],
        pad_token=spelling(source.tokenizer_config.get("pad_token")) or source.chat.stop_tokens[0],
    )
    tokenizer.chat_template = source.chat.template
    return tokenizer


def _backend(tokenizer: dict[str, Any]) -> Any:
    """Return a ``tokenizer.json`` less the normaliser of byte pairs (NFC), which llama.cpp does not have."""
    from tokenizers import Tokenizer

    served = tokenizer if tokenizer["model"].get("byte_fallback") else tokenizer | {"normalizer": None}
    return Tokenizer.from_str(json.dumps(served))


def _as_served(tokenizer: Any, gguf_path: Path) -> None:
    """Make the tokenizer split text, and end an answer, as llama.cpp does with this file.

    transformers builds a plain GPT-2 splitter from every GGUF. SmolLM's splits off single digits first, so
    "V:  480" would have different tokens in training and in serving. The parity gate compares the tokens of
    every prompt and would refuse such an export.
    """
    found = read_values(gguf_path, PRE, MODEL)
    tokenizer.eos_token = chat_format_of(gguf_path).stop_tokens[0]
    if found.get(MODEL) != "gpt2":
        return
    known = named(found.get(PRE, "default"))
    if known is None:
        raise not_supported(f"its pre-tokenizer `{found[PRE]}` is not known here")
    tokenizer.backend_tokenizer.normalizer = None
    tokenizer.backend_tokenizer.pre_tokenizer = known.build()


def load_tokenizer(base: BaseModel) -> Any:
    """Return the tokenizer, with the chat template that is served."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(str(unpacked(base)))


def tokenizer_alone(base: BaseModel) -> Any:
    """Return the tokenizer as ``load_tokenizer``, without unpacking the weights."""
    if _unpacked_folder(base).exists():
        return load_tokenizer(base)
    with quiet():
        return _tokenizer(base)


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
