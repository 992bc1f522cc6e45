"""Choose how a run computes its steps, by a short measurement on its own rows.

Which way is faster depends on the machine and on the rows: on some CPUs attention is faster as three small
products for short rows, and as one fused kernel for long ones. Each lever is tried on a few layers and one
micro-batch, must give the same loss and gradient, and stays only if it pays in the whole model. The choice is
kept, with the run and in the cache, so that a resumed or repeated run computes the same bytes.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from insource.foundation.canonical import digest
from insource.foundation.files import replace_text
from insource.models.weights.wheel import cache_dir
from insource.training.loop.answers import SHORTEST_PREFIX, Levers, summed_loss
from insource.training.loop.batches import Collator
from insource.training.loop.fused_lora import fuse
from insource.training.loop.micro_batches import common_prefix
from insource.training.recipe import Choice
from insource.training.tokenize import IGNORE, TrainingRow

KEPT = "speed.json"
BUDGET_S = 5.0
LEAST_ROUNDS, ROUNDS = 4, 10
"""With two rounds, one interruption by another process decides."""
LAYERS = 4
DEPTH_ROUNDS = 3
PAYS = 0.97
"""A lever stays when it takes at most this share of the time without it."""
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest relative difference of the gradient from that of the reference: rounding, and nothing else."""

# In bfloat16 the third rounds the adapters' gradient. Models that were trained with and without it are
# equally good within their interval (``benchmarks/README.md``).
CANDIDATES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("attention", "eager", {"attention": "eager"}),
    ("loss", "gradient made in place", {"loss_in_place": True}),
    (
        "adapters",
        "one operation with their layer, in its type",
        {"fused_adapters": True, "low_adapters": True},
    ),
    ("prefix", "computed once a micro-batch", {"shared_prefix": True}),
)
WITHOUT = {"attention": "sdpa", "loss": "plain", "adapters": "as in PEFT", "prefix": "with every row"}


class Speed(NamedTuple):
    """How a run computes its steps, and why."""

    levers: Levers
    choices: tuple[Choice, ...]


class _Depth(NamedTuple):
    """How the time of a few layers becomes that of the whole model.

    ``head_s`` is what takes equally long at any depth: embeddings, the output layer, the loss.
    """

    measured: int
    whole: int
    head_s: float

    def ratio(self, before: float, after: float, *, in_head: bool) -> float:
        """Return the time of a step of the whole model after a change, as a share of that before (seconds).

        ``in_head``: the change is outside of the layers, which take as long as before.
        """
        more = self.whole / self.measured - 1
        layers = [max(0.0, seconds - self.head_s) for seconds in (before, before if in_head else after)]
        return (after + more * layers[1]) / (before + more * layers[0])


class _Tried(NamedTuple):
    seconds: float
    loss: float
    gradient: Any
    type: Any


def apply(model: Any, levers: Levers) -> None:
    """Prepare the model for these levers."""
    _plain(model).set_attn_implementation(levers.attention)
    fuse(model, levers.fused_adapters, in_base_type=levers.low_adapters)


def chosen_speed(
    model: Any,
    rows: Sequence[TrainingRow],
    *,
    tokens: int,
    batch_size: int,
    pad_id: int,
    folder: Path,
    base: str,
    checkpointing: bool = False,
) -> Speed:
    """Return the levers for this model, these rows and this machine, and prepare the model for them.

    Args:
        tokens: of a micro-batch.
        folder: of the run; an earlier choice there is taken.
        base: digest of the base model.
    """
    batch = typical(rows, tokens, batch_size, pad_id)
    kept = folder / KEPT
    cached = cache_dir() / "speed" / f"{_key(model, batch, base, checkpointing)}.json"
    found = _read(kept) or _read(cached)
    if found is None:
        found = measure(model, batch, checkpointing=checkpointing)
    for path in (kept, cached):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(_as_json(found), indent=1))
    apply(model, found.levers)
    return found


def _plain(model: Any) -> Any:
    """Return transformers' model: PEFT wraps it for adapters, not for full fine-tuning."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def kept_choices(folder: Path) -> tuple[Choice, ...]:
    """Return the choices of the run in this folder, if it has made them."""
    found = _read(folder / KEPT)
    return found.choices if found else ()


def measure(model: Any, batch: dict[str, Any], *, checkpointing: bool = False) -> Speed:
    """Try each lever on top of those that paid, for some seconds in all."""
    # Some families (Gemma 2) cap their attention scores, which the fused kernel cannot.
    fused = _plain(model)._supports_sdpa
    levers, choices = Levers() if fused else Levers(attention="eager"), []
    model.train()
    with torch.random.fork_rng(devices=[]):
        depth = _depth(model, batch, levers)
    with _few_layers(model, depth.measured), torch.random.fork_rng(devices=[]):
        share = BUDGET_S / len(CANDIDATES)
        reference = _step(model, batch, levers)
        not_tried = _not_tried(model, batch, checkpointing)
        for name, value, change in CANDIDATES:
            if name in not_tried:
                reason = f"`{value}` was not tried: {not_tried[name]}"
                choices.append(Choice(name=name, value=WITHOUT[name], reason=reason))
                continue
            tried = levers._replace(**change)
            if tried == levers:
                choices.append(Choice(name=name, value=value, reason="the model has no other"))
                continue
            found, ratio = _compare(model, batch, (levers, tried), reference, share, depth)
            pays = ratio is not None and ratio <= PAYS
            reason = f"`{value}` {found} `{WITHOUT[name]}`"
            levers = tried if pays else levers
            choices.append(Choice(name=name, value=value if pays else WITHOUT[name], reason=reason))
        model.zero_grad(set_to_none=True)
    shape = " x ".join(str(size) for size in batch["input_ids"].shape)
    note = f"; measured on {shape} tokens and {depth.measured} of {depth.whole} layers"
    return Speed(
        levers, tuple(choice.model_copy(update={"reason": choice.reason + note}) for choice in choices)
    )


def _not_tried(model: Any, batch: dict[str, Any], checkpointing: bool) -> dict[str, str]:
    """Return by name the candidates that this model cannot use or that cannot pay, with the reason."""
    reasons = {}
    if fuse(model) == 0:
        reasons["adapters"] = "there are no plain adapters"
    if (shared := common_prefix(batch)) < SHORTEST_PREFIX:
        reasons["prefix"] = f"the rows begin with {shared} equal tokens, fewer than {SHORTEST_PREFIX}"
    if any(isinstance(part, torch.nn.Dropout) and part.p > 0 for part in model.modules()):
        reasons["prefix"] = "each row draws its own dropout"
    if checkpointing:
        reasons["prefix"] = "with checkpointing no keys are kept"
    return reasons


def _depth(model: Any, batch: dict[str, Any], levers: Levers) -> _Depth:
    """Measure two depths: what they do not share is the time of the layers between them."""
    layers = len(_plain(model).get_decoder().layers)
    many = min(layers, _needed(model))
    few = max(1, many // 2)
    if few == many:
        return _Depth(many, layers, 0.0)
    seconds = {}
    for count in (few, many):
        with _few_layers(model, count):
            _step(model, batch, levers)
            seconds[count] = min(_step(model, batch, levers).seconds for _ in range(DEPTH_ROUNDS))
    a_layer = max(0.0, seconds[many] - seconds[few]) / (many - few)
    return _Depth(many, layers, max(0.0, seconds[many] - many * a_layer))


def _compare(
    model: Any,
    batch: dict[str, Any],
    ways: tuple[Levers, Levers],
    reference: _Tried,
    budget_s: float,
    depth: _Depth,
) -> tuple[str, float | None]:
    """Compare two ways in alternation: the one so far, and another.

    Returns the reason in words, and the other's time as a share; None where it is not right.
    """
    now, tried = ways
    began = time.monotonic()
    before, after = [], []
    try:
        first = _step(model, batch, tried)
        if (why := _wrong(first, reference)) is not None:
            return why, None
        for number in range(1, ROUNDS + 1):
            before.append(_step(model, batch, now).seconds)
            after.append(_step(model, batch, tried).seconds)
            if number >= LEAST_ROUNDS and time.monotonic() - began > budget_s:
                break
    except (TypeError, AttributeError, ValueError, RuntimeError, NotImplementedError) as error:
        return f"does not work with this model ({type(error).__name__}: {error}), unlike", None
    in_head = now.loss_in_place != tried.loss_in_place
    ratio = depth.ratio(min(before), min(after), in_head=in_head)
    return f"takes {ratio:.0%} of the time of", ratio


def _wrong(tried: _Tried, reference: _Tried) -> str | None:
    tolerance = TOLERANCE.get(reference.type, TOLERANCE[torch.bfloat16])
    difference = float(
        (tried.gradient - reference.gradient).norm() / reference.gradient.norm().clamp(min=1e-12)
    )
    off = abs(tried.loss - reference.loss) / max(abs(reference.loss), 1e-12)
    if max(difference, off) <= tolerance:
        return None
    return f"has a gradient that differs by {max(difference, off):.1%} from that of"


def _step(model: Any, batch: dict[str, Any], levers: Levers) -> _Tried:
    apply(model, levers)
    model.zero_grad(set_to_none=True)
    began = time.monotonic()
    loss = summed_loss(model, batch, levers)
    (loss / batch["attention_mask"].sum()).backward()
    seconds = time.monotonic() - began
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return _Tried(seconds, float(loss.detach()), gradient, next(model.parameters()).dtype)


def typical(rows: Sequence[TrainingRow], tokens: int, batch_size: int, pad_id: int) -> dict[str, Any]:
    """Return a micro-batch of rows around the median length."""
    by_length = sorted(rows, key=lambda row: len(row.input_ids))
    middle = len(by_length) // 2
    count = max(1, min(batch_size, len(rows), tokens // max(1, len(by_length[middle].input_ids))))
    start = max(0, min(middle - count // 2, len(rows) - count))
    chosen = by_length[start : start + count]
    return Collator(pad_id)([{"input_ids": row.input_ids, "labels": row.labels} for row in chosen])


def _needed(model: Any) -> int:
    """Return how many first layers have each kind of layer among them, ``LAYERS`` at least."""
    kinds = getattr(model.config, "layer_types", None) or [""]
    return max(LAYERS, *(kinds.index(kind) + 1 for kind in set(kinds)))


@contextmanager
def _few_layers(model: Any, count: int) -> Iterator[None]:
    """Shorten the model within the block to its first layers."""
    decoder = _plain(model).get_decoder()
    layers = decoder.layers
    decoder.layers = layers[:count]
    try:
        yield
    finally:
        decoder.layers = layers


def _key(model: Any, batch: dict[str, Any], base: str, checkpointing: bool) -> str:
    trained = [(tuple(p.shape), str(p.dtype)) for p in model.parameters() if p.requires_grad]
    return digest(
        {
            "base": base,
            "type": str(next(model.parameters()).dtype),
            "trained": digest(trained),
            "checkpointing": checkpointing,
            "rows": [list(batch["input_ids"].shape), int((batch["labels"] != IGNORE).sum())],
            "machine": [platform.machine(), _processor(), torch.get_num_threads()],
            "libraries": [version(name) for name in ("torch", "transformers", "peft")],
            "candidates": [value for _, value, _ in CANDIDATES],
            "for": "the whole model",
        }
    )[:32]


def _processor() -> str:
    """Return the processor's name; Linux has it in a file, elsewhere Python knows it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _as_json(speed: Speed) -> dict[str, Any]:
    return {
        "levers": speed.levers._asdict(),
        "choices": [choice.model_dump(mode="json") for choice in speed.choices],
    }


def _read(path: Path) -> Speed | None:
    """Return a kept choice; None if there is none that this version can read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Speed(
            Levers(**kept["levers"]), tuple(Choice.model_validate(choice) for choice in kept["choices"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
