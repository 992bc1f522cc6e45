"""Write the GGUF file of a Hugging Face folder, tensor by tensor, each in the type that it has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from insource.foundation.errors import IntegrityError, missing_extra
from insource.models.chat_format import ChatFormat, chat_format, with_fixed_date
from insource.models.conversion.architectures import (
    Architecture,
    facts,
    llama3_factors,
    not_supported,
    rope_parameters,
)
from insource.models.conversion.safetensors_folder import Tensor, float32, tensors
from insource.models.conversion.vocabulary import CONTROL, Vocabulary, read_tokenizer, vocabulary

VERSION = 1  # raise it when the same folder gives another file
EMBEDDINGS = "model.embed_tokens.weight"
HEAD = "lm_head.weight"
# Values of ``general.file_type``: the type of most weights.
FILE_TYPES = {"F32": 0, "F16": 1, "BF16": 32}


class Source(NamedTuple):
    """What is in the folder, read and checked."""

    config: Mapping[str, Any]
    tokenizer: dict[str, Any]
    tokenizer_config: Mapping[str, Any]
    vocabulary: Vocabulary
    chat: ChatFormat
    tensors: Mapping[str, Tensor]


def read_source(folder: Path) -> Source:
    """Return a folder's configuration, vocabulary, chat format and weights, checked against each other.

    Raises:
        UserError: ``model-unreadable``, ``tokenizer-not-supported``.
        IntegrityError: ``vocabulary-mismatch``, ``template-not-usable``.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = read_tokenizer(folder)
    tokenizer_config = read_json(folder / "tokenizer_config.json")
    weights = tensors(folder)
    rows = weights[EMBEDDINGS].shape[0] if EMBEDDINGS in weights else config.get("vocab_size", 0)
    bos = spelling(tokenizer_config.get("bos_token"))
    known = vocabulary(tokenizer, rows, bos)
    specials = [
        token for token, kind in zip(known.tokens, known.types, strict=True) if token and kind == CONTROL
    ]
    chat = chat_format(
        with_fixed_date(template_of(folder, tokenizer_config)),
        specials,
        bos=bos or "",
        eos=spelling(tokenizer_config.get("eos_token")) or "",
    )
    return Source(config, tokenizer, tokenizer_config, known, chat, weights)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file of the folder, empty when there is none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def spelling(token: Any) -> str | None:
    """Return a token of ``tokenizer_config.json``, which is a text or has one."""
    return token.get("content") if isinstance(token, dict) else token


def template_of(folder: Path, tokenizer_config: Mapping[str, Any]) -> str:
    """Return the chat template: of the file of its own, else of the tokenizer's configuration.

    Of several by name, the one named ``default``.

    Raises:
        IntegrityError: ``template-not-usable`` when there is none.
    """
    path = folder / "chat_template.jinja"
    if path.exists():
        return path.read_text(encoding="utf-8")
    found = tokenizer_config.get("chat_template")
    if isinstance(found, list):
        found = next((entry["template"] for entry in found if entry["name"] == "default"), None)
    if not found:
        raise IntegrityError(
            "template-not-usable",
            f"The model in {folder} has no chat template.",
            hint="Use an instruction-tuned model, or put its chat_template.jinja into the folder.",
        )
    return str(found)


def convert(source: Source, name: str, destination: Path) -> None:
    """Write ``destination``.

    Raises:
        PrerequisiteError: ``missing-extra`` without the ``gguf`` package.
        UserError: ``architecture-not-supported``.
    """
    try:
        import gguf
    except ImportError as error:
        raise missing_extra("Converting a model", "train", "gguf") from error
    architecture, settings = facts(source.config)
    matrices = [tensor for tensor in source.tensors.values() if len(tensor.shape) > 1]
    kind = max(matrices, key=lambda tensor: np.prod(tensor.shape)).kind if matrices else "F32"
    writer = gguf.GGUFWriter(destination, architecture.name)
    writer.add_name(name)
    writer.add_file_type(FILE_TYPES[kind])
    for key, value in settings.items():
        _add(writer, key.replace("{arch}", architecture.name), value)
    _add_vocabulary(writer, source)
    for tensor, values in _tensors(source, architecture):
        raw = gguf.GGMLQuantizationType.BF16 if values.dtype == np.uint16 else None
        writer.add_tensor_info(tensor, values.shape, values.dtype, values.nbytes, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, values in _tensors(source, architecture):
        writer.write_tensor_data(np.ascontiguousarray(values))
    writer.close()


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_uint32(key, value)


def _add_vocabulary(writer: Any, source: Source) -> None:
    known = source.vocabulary
    writer.add_tokenizer_model(known.model)
    writer.add_tokenizer_pre(known.pre)
    writer.add_token_list(known.tokens)
    writer.add_token_types(known.types)
    if known.scores:
        writer.add_token_scores(known.scores)
    if known.merges:
        writer.add_token_merges(known.merges)
    if known.model == "llama":
        writer.add_add_space_prefix(known.space_prefix)
    writer.add_add_bos_token(known.adds_bos)
    writer.add_eos_token_id(known.id_of(source.chat.stop_tokens[0]))
    if (bos := known.id_of(source.chat.bos)) is not None:
        writer.add_bos_token_id(bos)
    if (pad := known.id_of(spelling(source.tokenizer_config.get("pad_token")))) is not None:
        writer.add_pad_token_id(pad)
    if (unknown := known.id_of(source.tokenizer["model"].get("unk_token"))) is not None:
        writer.add_unk_token_id(unknown)
    writer.add_chat_template(source.chat.template)


def _tensors(source: Source, architecture: Architecture) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Give each tensor's name in GGUF and its values, one at a time: a model may exceed the memory."""
    import gguf

    config = source.config
    key = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture.name)
    names = gguf.get_tensor_name_map(key, config["num_hidden_layers"])
    for name, tensor in source.tensors.items():
        if name == HEAD and config.get("tie_word_embeddings"):
            continue
        new = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if new is None:
            raise not_supported(f"llama.cpp has no tensor for `{name}`")
        values = tensor.read()
        if architecture.permuted and name.endswith(("q_proj.weight", "q_proj.bias")):
            values = permute(values, config["num_attention_heads"])
        if architecture.permuted and name.endswith(("k_proj.weight", "k_proj.bias")):
            values = permute(values, config.get("num_key_value_heads") or config["num_attention_heads"])
        if architecture.norms_plus_one and name.endswith("norm.weight"):
            values = float32(values) + np.float32(1)
        if ".conv.conv." in name:
            values = float32(values.reshape(values.shape[0], values.shape[-1]))
        yield new, float32(values) if values.ndim == 1 else values
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    if (factors := llama3_factors(config, size)) is not None:
        yield "rope_freqs.weight", np.array(factors, np.float32)
    rope = rope_parameters(config)
    for side in ("long", "short"):
        if f"{side}_factor" in rope:
            yield f"rope_factors_{side}.weight", np.array(rope[f"{side}_factor"], np.float32)


def permute(matrix: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Reorder the rows of a q or k projection from Hugging Face's rotary layout to llama.cpp's.

    ``matrix`` has shape (heads · head size, …). Per head, the rows change from two halves to interleaved
    pairs. Source: llama.cpp, ``LlamaModel.permute`` in its converter.
    """
    halves = matrix.reshape(heads, 2, matrix.shape[0] // heads // 2, *matrix.shape[1:])
    return halves.swapaxes(1, 2).reshape(matrix.shape)
