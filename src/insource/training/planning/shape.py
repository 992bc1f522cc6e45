"""The shape of a decoder: what decides its parameters, its memory and its time, from its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from insource.foundation.errors import ProviderError
from insource.models.control_tokens import TOKENS
from insource.models.known_models import KnownModel
from insource.types import Frozen


class ModelShape(Frozen):
    """Layers and widths of a decoder.

    ``query`` and ``key_value`` are heads times head size. ``tied`` says that input and output embeddings are
    one matrix, ``gated`` that the feed-forward block has three matrices (SwiGLU) instead of two. ``context``
    is the longest prompt and answer in tokens; 0 where the configuration does not say.
    """

    family: str = "llama"
    layers: int
    hidden: int
    feed_forward: int
    vocabulary: int
    heads: int
    query: int
    key_value: int
    tied: bool = False
    gated: bool = True
    context: int = 0

    @property
    def linear(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each linear layer of one block, by Hugging Face's usual name."""
        hidden, wide = self.hidden, self.feed_forward
        layers = {
            "q_proj": (hidden, self.query),
            "k_proj": (hidden, self.key_value),
            "v_proj": (hidden, self.key_value),
            "o_proj": (self.query, hidden),
            "up_proj": (hidden, wide),
            "down_proj": (wide, hidden),
        }
        return layers | ({"gate_proj": (hidden, wide)} if self.gated else {})

    @property
    def linear_parameters(self) -> int:
        """Parameters of all linear layers, without the output layer."""
        return self.layers * sum(rows * columns for rows, columns in self.linear.values())

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the input and output embeddings."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.embedding_parameters

    def adapter_parameters(self, rank: int, targets: Sequence[str] = ()) -> int:
        """Parameters of LoRA adapters of this rank on ``targets``, or on every linear layer."""
        chosen = [sizes for name, sizes in self.linear.items() if not targets or name in targets]
        return self.layers * rank * sum(rows + columns for rows, columns in chosen)


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """Return the shape that a Hugging Face ``config.json`` states.

    Raises:
        ProviderError: ``model-not-trainable`` when it is no decoder with the usual names.
    """
    config = config.get("text_config", config)
    try:
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        size = int(config.get("head_dim") or hidden // heads)
        return ModelShape(
            family=str(config.get("model_type", "")),
            layers=config["num_hidden_layers"],
            hidden=hidden,
            feed_forward=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            heads=heads,
            query=heads * size,
            key_value=int(config.get("num_key_value_heads") or heads) * size,
            tied=bool(config.get("tie_word_embeddings", False)),
            context=int(config.get("max_position_embeddings") or 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProviderError(
            "model-not-trainable",
            f"The base model's config.json does not describe a decoder: {error} is missing or no number.",
            hint="Use a decoder such as llama, qwen2, qwen3, gemma, phi3 or mistral.",
        ) from error


def known_shape(model: KnownModel) -> ModelShape:
    """Return the shape of a model of the catalogue, which need not be on this machine."""
    stated = model.shape
    return ModelShape(
        family=model.family.lower(),
        layers=stated.layers,
        hidden=stated.hidden,
        feed_forward=stated.feed_forward,
        vocabulary=stated.vocabulary,
        heads=stated.heads,
        query=stated.heads * stated.head_size,
        key_value=stated.kv_heads * stated.head_size,
        tied=stated.tied,
        context=model.context,
    )


def gguf_shape(values: Mapping[str, Any], architecture: str, *, tied: bool) -> ModelShape:
    """Return the shape that the header of a GGUF file states; ``values`` has the keys of ``gguf_keys``.

    Raises:
        ProviderError: ``model-not-trainable`` when it is no decoder with the usual keys.
    """
    found = {name: values.get(key) for name, key in gguf_keys(architecture).items()}
    key_size = found["attention.key_length"]
    config = {
        "model_type": architecture,
        "hidden_size": found["embedding_length"],
        "num_hidden_layers": found["block_count"],
        "intermediate_size": _most(found["feed_forward_length"]),
        "num_attention_heads": _most(found["attention.head_count"]),
        "num_key_value_heads": _most(found["attention.head_count_kv"]),
        "max_position_embeddings": found["context_length"],
        "vocab_size": len(values.get(TOKENS, ())),
        "tie_word_embeddings": tied,
    } | ({"head_dim": key_size} if key_size else {})
    return shape_of({name: value for name, value in config.items() if value is not None})


def gguf_keys(architecture: str) -> dict[str, str]:
    """Return the keys of a GGUF header that state a shape, by their last part; the vocabulary beside them."""
    names = ("embedding_length", "block_count", "feed_forward_length", "context_length")
    heads = ("attention.head_count", "attention.head_count_kv", "attention.key_length")
    return {name: f"{architecture}.{name}" for name in (*names, *heads)} | {"tokens": TOKENS}


def _most(value: Any) -> Any:
    """Some architectures state a value for each layer; the largest decides the memory."""
    return max(value) if isinstance(value, list) and value else value
