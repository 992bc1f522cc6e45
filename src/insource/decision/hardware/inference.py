"""What an engine needs to answer with a model, and how many documents it can answer at once.

Keys and values of a token take ``2 · layers · heads of keys · head size · bytes`` (Pope et al. 2022, arXiv
2211.05102). llama.cpp keeps a context for each slot; vLLM fills its share of the card with pages of 16 tokens
(Kwon et al. 2023, arXiv 2309.06180) after its weights and a profiled step.
"""

from __future__ import annotations

from typing import Literal

from insource.decision.hardware.models import PlannedModel
from insource.models.known_models import PRECISIONS
from insource.serving.memory import BATCH, Sizes, need_of
from insource.training.planning.cards import Card
from insource.training.planning.machine import Machine
from insource.training.planning.memory import CUDA_CONTEXT_BYTES, GIB
from insource.training.planning.shape import ModelShape
from insource.types import NOT_MEASURED, Estimate, Frozen

Engine = Literal["llama.cpp", "vLLM"]
GGUF_TYPES = ("BF16", "Q8_0", "Q4_K_M")
VLLM_TYPES = {"BF16": 16.0, "FP8": 8.0, "AWQ 4 bits": 4.25}
"""Bits a weight of the linear layers; embeddings stay in 16 bits. AWQ: scale and zero of 128 weights."""
CACHE_BYTES = 2
PAGE_TOKENS = 16
VLLM_SHARE = 0.9
"""vLLM's default ``gpu_memory_utilization``."""
LARGE_CARD_BYTES = 70 * GIB
DECODE_SHARE = 0.6
"""Share of the memory's bandwidth that reading the weights reaches."""
SPEED_FACTOR = 1.5


class Serving(Frozen):
    """An engine with weights of one type on one machine; sizes in bytes.

    ``context_tokens`` is what one document may take, ``cache_per_token`` what one of its tokens keeps,
    ``work`` what the engine takes beside weights and cache. ``at_once`` is how many documents fit, 0 when the
    model does not; ``needed`` is the memory for those that were asked for, ``fits`` whether there is that
    much. ``tokens_per_s`` is the speed of one document alone.
    """

    engine: Engine
    weights_type: str
    weights: int
    cache_per_token: int
    context_tokens: int
    work: int
    available: int
    at_once: int
    needed: int
    fits: bool
    tokens_per_s: Estimate
    note: str = ""


def cache_per_token(shape: ModelShape, width: int = CACHE_BYTES) -> int:
    """Return the bytes of keys and values of one token, ``width`` bytes each."""
    return 2 * shape.layers * shape.key_value * width


def servings(
    model: PlannedModel, machine: Machine, context_tokens: int, concurrency: int, card: Card | None
) -> tuple[Serving, ...]:
    """Return what each engine needs with each type of weights; vLLM on CUDA only."""
    found = [_llama_cpp(model, machine, type_, context_tokens, concurrency, card) for type_ in GGUF_TYPES]
    if machine.device == "cuda":
        found += [_vllm(model, machine, type_, context_tokens, concurrency, card) for type_ in VLLM_TYPES]
    return tuple(found)


def _llama_cpp(
    model: PlannedModel, machine: Machine, type_: str, context: int, concurrency: int, card: Card | None
) -> Serving:
    shape = model.shape
    weights = round(model.parameters * PRECISIONS[type_] / 8)
    sizes = Sizes(shape.layers, shape.hidden, shape.key_value, shape.vocabulary)
    on_cuda = machine.device == "cuda"
    # On a card, prompts are cached in the memory of its host
    cached = {"prompt_cache": 0} if on_cuda else {}
    one = need_of(sizes, weights=weights, context_tokens=context, slots=1, **cached)
    logits = 4 * shape.vocabulary
    work = one.work - logits + (cuda_work(shape) if on_cuda else 0)
    a_slot = one.cache + logits
    needed = weights + work + concurrency * a_slot
    return Serving(
        engine="llama.cpp",
        weights_type=type_,
        weights=weights,
        cache_per_token=cache_per_token(shape),
        context_tokens=context,
        work=work,
        available=machine.free_bytes,
        at_once=max(0, (machine.free_bytes - weights - work) // a_slot),
        needed=needed,
        fits=needed <= machine.free_bytes,
        tokens_per_s=_speed(weights, one.cache, card),
        note=model.cache_note,
    )


def _vllm(
    model: PlannedModel, machine: Machine, type_: str, context: int, concurrency: int, card: Card | None
) -> Serving:
    shape = model.shape
    embeddings = 2 * shape.embedding_parameters
    weights = round((model.parameters - shape.embedding_parameters) * VLLM_TYPES[type_] / 8) + embeddings
    # vLLM's defaults of a step's tokens and documents, by the size of the card
    tokens, documents = (8192, 1024) if machine.memory_bytes >= LARGE_CARD_BYTES else (2048, 256)
    work = vllm_work(shape, tokens, documents)
    available = round(VLLM_SHARE * machine.memory_bytes)
    pages = -(-context // PAGE_TOKENS)
    a_document = pages * PAGE_TOKENS * cache_per_token(shape)
    needed = weights + work + concurrency * a_document
    return Serving(
        engine="vLLM",
        weights_type=type_,
        weights=weights,
        cache_per_token=cache_per_token(shape),
        context_tokens=context,
        work=work,
        available=available,
        at_once=max(0, (available - weights - work) // a_document),
        needed=needed,
        fits=needed <= available,
        tokens_per_s=_speed(weights, a_document, card),
        note=model.cache_note,
    )


def cuda_work(shape: ModelShape) -> int:
    """Return what llama.cpp takes of a card beside weights, cache and activations.

    It reserves the logits of a whole batch there: its log has a buffer of 300.75 MiB for Qwen2.5-3B.
    """
    return 4 * BATCH * shape.vocabulary + round(CUDA_CONTEXT_BYTES)


def vllm_work(shape: ModelShape, tokens: int, documents: int) -> int:
    """Return what vLLM takes beside weights and pages: a profiled step, its samplers, its graphs.

    ``tokens`` are those of a step (``max_num_batched_tokens``), ``documents`` those that are sampled at once
    (``max_num_seqs``). A token keeps three widths of the feed-forward block and three of the hidden state.
    """
    step = tokens * 3 * (shape.feed_forward + shape.hidden) * 2
    samplers = documents * shape.vocabulary * 6
    return step + samplers + round(CUDA_CONTEXT_BYTES)


def _speed(weights: int, cache: int, card: Card | None) -> Estimate:
    """Return tokens a second of one document: each token reads all weights and half of its final cache."""
    if card is None:
        return NOT_MEASURED.model_copy(update={"note": "the bandwidth of this machine's memory is not known"})
    value = card.bandwidth_gb_s * 1e9 * DECODE_SHARE / (weights + cache / 2)
    return Estimate(
        value=value,
        low=value / SPEED_FACTOR,
        high=value * SPEED_FACTOR,
        method=f"{DECODE_SHARE:.0%} of {card.bandwidth_gb_s:,.0f} GB/s over the bytes read for a token; not "
        "measured",
    )
