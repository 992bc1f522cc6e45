"""The summed loss of a batch's answers, in the ways among which ``levers`` chooses."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from insource.training.loop.answer_loss import headless, summed_cross_entropy
from insource.training.loop.micro_batches import common_prefix, rows_of, targets_of
from insource.training.tokenize import IGNORE

SHORTEST_PREFIX = 16


class Levers(NamedTuple):
    """What makes a step faster; all but ``low_adapters`` leave the gradient what it is, but for rounding.

    ``attention`` is transformers' name. ``loss_in_place`` makes the gradient of the loss in the logits'
    memory. ``fused_adapters`` computes an adapter with its layer, ``low_adapters`` also in the layer's type.
    ``shared_prefix`` computes the tokens that all rows begin with once.
    """

    attention: str = "sdpa"
    loss_in_place: bool = False
    fused_adapters: bool = False
    shared_prefix: bool = False
    low_adapters: bool = False


def summed_loss(model: Any, batch: dict[str, Any], levers: Levers) -> Any:
    """Return the sum of the answer tokens' cross-entropy in nats, in float32; batch: ids, mask and labels."""
    inputs = {name: values for name, values in batch.items() if name != "labels"}
    targets = targets_of(batch["labels"])
    shared = common_prefix(batch) if levers.shared_prefix and rows_of(batch) > 1 else 0
    if shared >= SHORTEST_PREFIX:
        inputs |= _after_prefix(model, batch, shared)
        targets = targets[:, shared:]
    else:
        inputs["use_cache"] = False
    keep = targets != IGNORE
    if not levers.loss_in_place:
        logits = model(**inputs, logits_to_keep=keep).logits
        return F.cross_entropy(
            logits.to(torch.promote_types(logits.dtype, torch.float32)), targets[keep], reduction="sum"
        )
    head = getattr(model, "module", model).get_output_embeddings()  # DistributedDataParallel wraps the model
    with headless(head):
        hidden = model(**inputs, logits_to_keep=keep).logits
    return summed_cross_entropy(hidden, head, targets[keep])


def _after_prefix(model: Any, batch: dict[str, Any], shared: int) -> dict[str, Any]:
    """Compute the shared tokens once; return the inputs for what follows them.

    The rows attend to the prefix's keys and values, whose gradients add up over the rows. This is exact
    without dropout (arXiv 2511.00413).
    """
    from transformers import DynamicCache

    cache = DynamicCache(config=getattr(model, "module", model).config)
    model(
        input_ids=batch["input_ids"][:1, :shared],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=torch.zeros(1, shared, dtype=torch.bool),
    )
    rows = rows_of(batch)
    for layer in cache.layers:
        if not layer.is_initialized:  # a layer that keeps nothing
            continue
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)
    return {
        "input_ids": batch["input_ids"][:, shared:],
        "attention_mask": batch["attention_mask"],
        "past_key_values": cache,
        "use_cache": True,
    }
