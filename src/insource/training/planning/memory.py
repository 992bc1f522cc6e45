"""Peak memory of a training step, by a formula checked against published measurements.

The terms are weights, what is trained (adapters or all weights with their gradients and optimiser state),
activations, logits, scratch to unpack 4-bit weights, and what the process or the CUDA context takes itself.
``tests/unit/training/planning/test_memory.py`` compares it with figures published by LLaMA-Factory,
torchtune, LitGPT and Axolotl.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from insource.config.training import Method, Optimizer, Precision
from insource.training.planning.shape import ModelShape
from insource.types import Frozen

GIB = 2**30
MARGIN = 1.10
"""A run fits when its estimate fits with this factor: allocators fragment."""

NF4_BYTES = 0.516
"""Bytes a parameter in NF4 with double quantisation (QLoRA, arXiv 2305.14314)."""

FUSED_HEAD_BYTES = 0.3 * GIB
CUDA_CONTEXT_BYTES = 0.5 * GIB
PROCESS_BYTES = 0.5 * GIB
LOGIT_BYTES = 10
CHUNK_ROWS = 128

Loss = Literal["all", "answers", "chunks", "fused"]
BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2}
STATE_BYTES: dict[Optimizer, int] = {"adamw": 8, "adamw_8bit": 2, "paged_adamw_8bit": 0}
"""Bytes of optimiser state a trained parameter on the device; a paged optimiser's may leave it."""


class Step(Frozen):
    """What one training step holds at its peak.

    ``tokens`` are those of a micro-batch with its padding, ``answer_tokens`` those that the loss is computed
    on. ``longest`` is the longest row when attention keeps its matrices (eager), 0 when it does not.
    ``loss`` says which logits exist at once: of all positions, of answers, of a chunk of answers, or of a
    fused kernel. ``shards`` is the number of processes that share out weights and optimiser state (FSDP2).
    ``quantised`` weights are in NF4 at ``packed_bytes`` a parameter.
    """

    method: Method = "lora"
    rank: int = 16
    targets: tuple[str, ...] = ()
    tokens: int
    answer_tokens: int = 0
    longest: int = 0
    precision: Precision = "bfloat16"
    optimizer: Optimizer = "adamw"
    checkpointing: bool = False
    loss: Loss = "answers"
    packed_bytes: float = NF4_BYTES
    context_bytes: float = PROCESS_BYTES
    shards: int = 1


class Memory(Frozen):
    """Peak memory of a step in bytes, by what takes it."""

    weights: int
    trained: int
    activations: int
    logits: int
    unpacking: int
    context: int

    @property
    def total(self) -> int:
        return sum(self.model_dump().values())

    @property
    def in_words(self) -> str:
        parts = {name: value for name, value in self.model_dump().items() if value}
        return ", ".join(f"{name} {value / GIB:.2f} GiB" for name, value in parts.items())

    @property
    def needed(self) -> int:
        """The total with the margin for fragmentation: what has to be free."""
        return round(self.total * MARGIN)


def peak(shape: ModelShape, step: Step) -> Memory:
    """Return the estimated peak of a step.

    Sources: ``W = N_linear·q + V·h·(1 or 2)·2``; adapters in float32 with gradient and Adam; activations of
    L checkpoints and one live block, or 0.75 of every block's; logits of V entries at 10 bytes;
    4·h·max(ff, h) to unpack 4-bit weights. DoRA is counted as LoRA with a tenth more activations:
    PEFT's method comparison has 22.8 against 20.8 GiB.
    """
    return Memory(
        weights=round(_weights(shape, step) / step.shards),
        trained=round(_trained(shape, step) / step.shards),
        activations=round(_activations(shape, step)),
        logits=round(_logits(shape, step)),
        unpacking=4 * shape.hidden * max(shape.feed_forward, shape.hidden) if step.method == "qlora" else 0,
        context=round(step.context_bytes),
    )


def _weights(shape: ModelShape, step: Step) -> float:
    width = BYTES[step.precision]
    linear = step.packed_bytes if step.method == "qlora" else width
    return shape.linear_parameters * linear + shape.embedding_parameters * width


def _trained(shape: ModelShape, step: Step) -> float:
    state = STATE_BYTES[step.optimizer]
    if step.method == "full":
        return shape.parameters * (BYTES[step.precision] + state)
    return shape.adapter_parameters(step.rank, step.targets) * (4 + 4 + state)


def _activations(shape: ModelShape, step: Step) -> float:
    width = BYTES[step.precision]
    block = step.tokens * (12 * shape.hidden + 4 * shape.key_value + 7 * shape.feed_forward) * width
    # Scores and their softmax of every head, in float32 and as the weights' type
    matrices = shape.heads * step.tokens * step.longest * (4 + 2 * width)
    dora = 1.1 if step.method == "dora" else 1.0
    if step.checkpointing:
        return (shape.layers * step.tokens * shape.hidden * width + block + matrices) * dora
    return shape.layers * (0.75 * block + matrices) * dora


def _logits(shape: ModelShape, step: Step) -> float:
    hidden = step.tokens * shape.hidden * 4
    if step.loss == "fused":
        return FUSED_HEAD_BYTES + hidden
    rows = {
        "all": step.tokens,
        "answers": step.answer_tokens,
        "chunks": min(step.answer_tokens, CHUNK_ROWS),
    }
    return rows[step.loss] * shape.vocabulary * LOGIT_BYTES + (hidden if step.loss == "chunks" else 0)


def largest_micro_batch(shape: ModelShape, step: Step, available: float, sizes: Sequence[int]) -> int | None:
    """Return the largest of ``sizes`` (tokens) whose step fits into ``available`` bytes, or None."""
    share = step.answer_tokens / step.tokens
    for tokens in sorted(sizes, reverse=True):
        smaller = step.model_copy(update={"tokens": tokens, "answer_tokens": round(tokens * share)})
        if peak(shape, smaller).needed <= available:
            return tokens
    return None
