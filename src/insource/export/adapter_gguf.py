"""Convert a PEFT adapter to a GGUF adapter for llama.cpp, with the ``gguf`` package alone.

llama.cpp scales an adapter by ``alpha / rank`` and supports LoRA on linear layers. rsLoRA differs only by its
scale, which is written into ``alpha``. Any other adapter is refused rather than exported incorrectly: it has
to be merged into the base model.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from insource.foundation.errors import IntegrityError
from insource.models.conversion.architectures import ARCHITECTURES
from insource.models.conversion.convert import permute

ADAPTER_FILE = "adapter.gguf"
"""The name of an adapter among the files of an export; any other GGUF file is a whole model."""

PERMUTED_ARCHITECTURES = frozenset({one.name for one in ARCHITECTURES.values() if one.permuted})
PREFIX = "base_model.model."


class BaseFacts(NamedTuple):
    """The properties of the base GGUF that an export needs.

    ``adds_bos`` says that an engine sets the BOS token before a prompt, ``stops`` are the spellings of the
    tokens that end an answer.
    """

    architecture: str
    blocks: int
    heads: int
    kv_heads: int
    chat_template: str
    eos_id: int
    stops: tuple[str, ...] = ()
    adds_bos: bool = False


def read_base(path: Path) -> BaseFacts:
    """Return the architecture, head counts, chat template and stop token stored in a GGUF file."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields

    def field(key: str, default: Any = None) -> Any:
        return fields[key].contents() if key in fields else default

    architecture = field("general.architecture")
    heads = field(f"{architecture}.attention.head_count", 0)
    return BaseFacts(
        architecture=architecture,
        blocks=field(f"{architecture}.block_count", 0),
        heads=heads,
        kv_heads=field(f"{architecture}.attention.head_count_kv", heads),
        chat_template=field("tokenizer.chat_template", ""),
        eos_id=field("tokenizer.ggml.eos_token_id", -1),
        stops=_stops(fields),
        # Without the key, llama.cpp sets it for SentencePiece vocabularies alone.
        adds_bos=field("tokenizer.ggml.add_bos_token", field("tokenizer.ggml.model") == "llama"),
    )


def _stops(fields: Any) -> tuple[str, ...]:
    """Return the spelling of every token that ends an answer: of the text, of the turn, of the message."""
    kinds = [f"tokenizer.ggml.{kind}_token_id" for kind in ("eos", "eot", "eom")]
    ids = dict.fromkeys(int(fields[kind].contents()) for kind in kinds if kind in fields)
    tokens = fields.get("tokenizer.ggml.tokens")
    return tuple(str(tokens.contents(place)) for place in ids) if tokens is not None else ()


def write_adapter(adapter: Path, base_gguf: Path, destination: Path) -> int:
    """Write ``destination`` from the PEFT folder ``adapter``; return the number of tensors.

    Raises:
        IntegrityError: ``adapter-not-exportable`` for what ``why_merged`` names, or a layer that llama.cpp
            does not know.
    """
    import gguf
    from safetensors.numpy import load_file

    if reason := why_merged(adapter):
        raise _not_exportable(reason)
    config = _config(adapter)
    base = read_base(base_gguf)
    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == base.architecture)
    names = gguf.get_tensor_name_map(architecture, base.blocks)
    writer = gguf.GGUFWriter(destination, base.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, _alpha(config))
    tensors = load_file(adapter / "adapter_model.safetensors")
    for key in sorted(tensors):
        layer, _, side = key.removeprefix(PREFIX).removesuffix(".weight").rpartition(".")
        name = names.get_name(layer)
        if name is None or side not in ("lora_A", "lora_B"):
            raise _not_exportable(f"llama.cpp does not support `{key}`")
        matrix = tensors[key].astype(np.float32)
        if side == "lora_B" and base.architecture in PERMUTED_ARCHITECTURES:
            if layer.endswith("q_proj"):
                matrix = permute(matrix, base.heads)
            elif layer.endswith("k_proj"):
                matrix = permute(matrix, base.kv_heads)
        writer.add_tensor(f"{name}.weight.{side.lower()}", matrix.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return len(tensors)


def why_merged(adapter: Path) -> str:
    """Return why a PEFT adapter cannot be a GGUF adapter, empty where it can."""
    config = _config(adapter)
    ignored = ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save")
    return next((f"llama.cpp ignores `{key}`" for key in ignored if config.get(key)), "")


def _config(adapter: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return found


def _alpha(config: dict[str, Any]) -> float:
    """Return the alpha by which llama.cpp's ``alpha / rank`` is the scale of training.

    rsLoRA scales by alpha / sqrt(rank) (Kalajdzievski 2023, arXiv 2312.03732).
    """
    alpha = float(config["lora_alpha"])
    return alpha * math.sqrt(config["r"]) if config.get("use_rslora") else alpha


def _not_exportable(reason: str) -> IntegrityError:
    return IntegrityError(
        "adapter-not-exportable",
        f"llama.cpp cannot serve this adapter as it was trained: {reason}.",
        hint="Export it merged into its base model: insource export --to FOLDER --format merged,f16",
    )
