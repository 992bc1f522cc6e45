"""Cross-entropy of the answer's tokens, straight from the hidden states.

The gradient of the logits, ``softmax - onehot``, is known as soon as the logits are. So it is made in the
logits' own memory, a few rows at a time, and multiplied with the output weights at once: no second softmax in
the backward pass, and never more than ``CHUNK`` rows of logits in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd import Function

CHUNK = 128


class _SummedCrossEntropy(Function):  # type: ignore[misc] # torch is not read by mypy here
    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, targets: Any) -> Any:
        need_hidden, need_weight, need_bias, _ = ctx.needs_input_grad
        wide = torch.promote_types(hidden.dtype, torch.float32)
        loss = torch.zeros((), dtype=wide, device=hidden.device)
        d_hidden = torch.empty_like(hidden) if need_hidden else None
        d_weight = torch.zeros_like(weight, dtype=wide) if need_weight else None
        d_bias = torch.zeros_like(bias, dtype=wide) if need_bias else None
        for start in range(0, len(targets), CHUNK):
            rows = slice(start, start + CHUNK)
            logits = torch.nn.functional.linear(hidden[rows], weight, bias).to(wide)
            wanted = targets[rows, None]
            total = logits.logsumexp(dim=-1, keepdim=True)
            loss += (total - logits.gather(1, wanted)).sum()
            if not (need_hidden or need_weight or need_bias):
                continue
            slopes = logits.sub_(total).exp_()
            slopes.scatter_add_(1, wanted, torch.full_like(total, -1.0))
            if d_bias is not None:
                d_bias += slopes.sum(dim=0)
            slopes = slopes.to(weight.dtype)
            if d_hidden is not None:
                torch.mm(slopes, weight, out=d_hidden[rows])
            if d_weight is not None:
                d_weight += slopes.T @ hidden[rows]
        ctx.save_for_backward(d_hidden, d_weight, d_bias)
        ctx.types = weight.dtype, bias.dtype if bias is not None else None
        return loss

    @staticmethod
    def backward(ctx: Any, slope: Any) -> Any:
        d_hidden, d_weight, d_bias = ctx.saved_tensors
        weight_type, bias_type = ctx.types
        return (
            None if d_hidden is None else d_hidden * slope.to(d_hidden.dtype),
            None if d_weight is None else (d_weight * slope).to(weight_type),
            None if d_bias is None else (d_bias * slope).to(bias_type),
            None,
        )


def summed_cross_entropy(hidden: Any, head: Any, targets: Any) -> Any:
    """Return the sum of ``cross_entropy(head(hidden), targets)`` in nats, a scalar in float32 or wider.

    Args:
        hidden: ``(rows, width)``, the hidden states of the positions that predict a target.
        head: the output layer, with ``weight`` of shape ``(vocabulary, width)``.
        targets: ``(rows,)``, token ids.
    """
    return _SummedCrossEntropy.apply(hidden, head.weight, getattr(head, "bias", None), targets)


@contextmanager
def headless(head: Any) -> Iterator[None]:
    """Let the model return hidden states where it would return logits, within the block."""
    own = vars(head).get("forward")
    head.forward = lambda hidden: hidden
    try:
        yield
    finally:
        if own is None:
            del head.forward
        else:
            head.forward = own
