"""The architectures that can be converted: what llama.cpp has to know of ``config.json``, and its tensors.

Source: llama.cpp, its ``conversion/`` folder and ``src/models``; the parity gate checks the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from insource.foundation.errors import UserError

Config = Mapping[str, Any]
Settings = dict[str, Any]


class Architecture(NamedTuple):
    """One architecture: its name in GGUF, and what is special about it.

    ``permuted``: rows of q and k are reordered for llama.cpp's rotary layout. ``norms_plus_one``: the norms
    are stored less one. ``special`` returns settings beside the common ones; it refuses what llama.cpp would
    compute in another way.
    """

    name: str
    permuted: bool = False
    norms_plus_one: bool = False
    special: Callable[[Config], Settings] = lambda config: {}


def facts(config: Config) -> tuple[Architecture, Settings]:
    """Return the architecture of a ``config.json`` and the settings for its GGUF file, by key.

    Keys begin with ``{arch}`` where GGUF has the architecture's name.

    Raises:
        UserError: ``architecture-not-supported``, with the reason.
    """
    named = (config.get("architectures") or ["none"])[0]
    architecture = ARCHITECTURES.get(named)
    if architecture is None:
        raise not_supported(f"{named} is none of {', '.join(ARCHITECTURES)}")
    if config.get("quantization_config"):
        raise not_supported("its weights are quantised; the unquantised ones are needed")
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    settings: Settings = {
        "{arch}.block_count": config["num_hidden_layers"],
        "{arch}.context_length": context_length(config),
        "{arch}.embedding_length": config["hidden_size"],
        "{arch}.feed_forward_length": config["intermediate_size"],
        "{arch}.attention.head_count": heads,
        "{arch}.attention.head_count_kv": config.get("num_key_value_heads") or heads,
        "{arch}.attention.key_length": size,
        "{arch}.attention.value_length": size,
        "{arch}.attention.layer_norm_rms_epsilon": config.get("rms_norm_eps", 1e-6),
        "{arch}.rope.dimension_count": size,
        "{arch}.vocab_size": config["vocab_size"],
    }
    settings |= _rope(config, size)
    return architecture, settings | architecture.special(config)


def context_length(config: Config) -> int:
    """Return the longest text in tokens; every token of it has to see every earlier one."""
    longest, window = int(config["max_position_embeddings"]), config.get("sliding_window")
    layers = config.get("layer_types") or ()
    if not window or not config.get("use_sliding_window", True) or "full_attention" in layers:
        return longest
    return min(longest, int(window))


def rope_parameters(config: Config) -> dict[str, Any]:
    """Return the rotary settings of full attention, whichever version of transformers wrote them."""
    found = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    found = dict(found.get("full_attention", found))
    found.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    found.setdefault("rope_type", found.get("type", "default"))
    return found


def llama3_factors(config: Config, size: int) -> list[float] | None:
    """Return the divisor of each rotary frequency for Llama 3.1's scaling, None without it."""
    rope = rope_parameters(config)
    if rope["rope_type"] != "llama3":
        return None
    low = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    factors = []
    for place in range(0, size, 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (place / size)
        smooth = (rope["original_max_position_embeddings"] / wave - rope["low_freq_factor"]) / (
            rope["high_freq_factor"] - rope["low_freq_factor"]
        )
        between = 1 / ((1 - smooth) / rope["factor"] + smooth)
        factors.append(1.0 if wave < high else rope["factor"] if wave > low else between)
    return factors


def _rope(config: Config, size: int) -> Settings:
    rope = rope_parameters(config)
    settings: Settings = {"{arch}.rope.freq_base": float(rope["rope_theta"])}
    kind = rope["rope_type"]
    if kind in ("linear", "yarn"):
        settings |= {"{arch}.rope.scaling.type": kind, "{arch}.rope.scaling.factor": float(rope["factor"])}
    elif kind not in ("default", "llama3", "longrope", "su"):
        raise not_supported(f"llama.cpp has no rotary scaling `{kind}`")
    if kind == "yarn":
        original = rope.get("original_max_position_embeddings") or config["max_position_embeddings"]
        settings["{arch}.rope.scaling.original_context_length"] = original
    return settings


def _sliding(config: Config, every: int) -> Settings:
    """Return the sliding window; llama.cpp gives full attention to every ``every``-th layer."""
    layers = config.get("layer_types") or ()
    expected = [
        "sliding_attention" if (place + 1) % every else "full_attention" for place in range(len(layers))
    ]
    if list(layers) != expected:
        raise not_supported(f"llama.cpp expects full attention in one layer of {every}")
    scale = config.get("query_pre_attn_scalar", config["head_dim"])
    if scale not in (config["head_dim"], config["hidden_size"] // config["num_attention_heads"]):
        raise not_supported(f"llama.cpp does not divide attention by the root of {scale}")
    return {"{arch}.attention.sliding_window": config["sliding_window"]}


def _gemma2(config: Config) -> Settings:
    return _sliding(config, 2) | {
        "{arch}.attn_logit_softcapping": float(config["attn_logit_softcapping"]),
        "{arch}.final_logit_softcapping": float(config["final_logit_softcapping"]),
    }


def _gemma3(config: Config) -> Settings:
    local = (config.get("rope_parameters") or {}).get("sliding_attention", {}).get("rope_theta")
    if (local or config.get("rope_local_base_freq", 10000.0)) != 10000.0:
        raise not_supported("llama.cpp turns the sliding layers by a base of 10000")
    if config.get("final_logit_softcapping"):
        raise not_supported("it caps its logits")
    return _sliding(config, 6)


def _phi3(config: Config) -> Settings:
    rope = rope_parameters(config)
    size = config["hidden_size"] // config["num_attention_heads"]
    part = rope.get("partial_rotary_factor") or config.get("partial_rotary_factor", 1.0)
    longest = int(config["max_position_embeddings"])
    keys = "original_max_position_embeddings"
    original = int(rope.get(keys) or config.get(keys) or longest)
    settings: Settings = {
        "{arch}.rope.dimension_count": int(part * size),
        "{arch}.rope.scaling.original_context_length": original,
        # 0 tells llama.cpp that there is none
        "{arch}.attention.sliding_window": config.get("sliding_window") or 0,
    }
    if "long_factor" in rope:
        scale = longest / original
        settings["{arch}.rope.scaling.attn_factor"] = (
            math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0
        )
    return settings


def _smollm3(config: Config) -> Settings:
    layers = config["num_hidden_layers"]
    turned = config.get("no_rope_layers") or [int((place + 1) % 4 != 0) for place in range(layers)]
    if list(turned) != [int((place + 1) % 4 != 0) for place in range(layers)]:
        raise not_supported("llama.cpp leaves every 4th layer without rotary positions")
    return {}


def _lfm2(config: Config) -> Settings:
    width = config.get("block_ff_dim") or config["intermediate_size"]
    if config.get("block_auto_adjust_ff_dim", True):
        width = int((config.get("block_ffn_dim_multiplier") or 1.0) * int(2 * width / 3))
        multiple = config["block_multiple_of"]
        width = multiple * ((width + multiple - 1) // multiple)
    kv = config["num_key_value_heads"]
    return {
        "{arch}.feed_forward_length": width,
        "{arch}.attention.head_count_kv": [
            kv if kind == "full_attention" else 0 for kind in config["layer_types"]
        ],
        "{arch}.attention.layer_norm_rms_epsilon": config["norm_eps"],
        "{arch}.shortconv.l_cache": config["conv_L_cache"],
    }


ARCHITECTURES = {
    "LlamaForCausalLM": Architecture("llama", permuted=True),
    "MistralForCausalLM": Architecture("llama", permuted=True),
    "Qwen2ForCausalLM": Architecture("qwen2"),
    "Qwen3ForCausalLM": Architecture("qwen3"),
    "Gemma2ForCausalLM": Architecture("gemma2", norms_plus_one=True, special=_gemma2),
    "Gemma3ForCausalLM": Architecture("gemma3", norms_plus_one=True, special=_gemma3),
    "Phi3ForCausalLM": Architecture("phi3", special=_phi3),
    "SmolLM3ForCausalLM": Architecture("smollm3", permuted=True, special=_smollm3),
    "Lfm2ForCausalLM": Architecture("lfm2", special=_lfm2),
}


def not_supported(reason: str) -> UserError:
    return UserError(
        "architecture-not-supported",
        f"This model cannot be converted for serving: {reason}.",
        hint="Use a GGUF file of it, as `gguf/PATH`, or a model of another family: insource models list",
    )
