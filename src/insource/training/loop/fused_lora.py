"""A linear layer and its LoRA adapter as one operation, with a backward pass of its own.

PEFT casts a bfloat16 input to float32 for the adapter, keeps both copies for the backward pass, and makes
three tensors of the output's size. Here the adapter is computed in the base's type from its float32 weights,
which the optimiser changes; their gradients arrive in float32. With a float32 base the result is PEFT's.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch.autograd import Function


class _FusedLora(Function):  # type: ignore[misc] # torch is not read by mypy here
    """``x W^T + b + scale * (x A^T) B^T`` for a frozen W and b."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, a: Any, b: Any, scale: float) -> Any:
        rows = x.reshape(-1, x.shape[-1])
        a_low, b_low = a.to(x.dtype), b.to(x.dtype)
        inner = rows @ a_low.T
        out = torch.nn.functional.linear(rows, weight, bias)
        out.addmm_(inner, b_low.T, alpha=scale)
        ctx.save_for_backward(rows, inner, weight, a_low, b_low)
        ctx.scale, ctx.types = scale, (a.dtype, b.dtype)
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, d_out: Any) -> Any:
        rows, inner, weight, a, b = ctx.saved_tensors
        d_out_shape = d_out.shape
        d_out = d_out.reshape(-1, d_out_shape[-1])
        d_inner = (d_out @ b).mul_(ctx.scale)
        d_x = None
        if ctx.needs_input_grad[0]:
            d_x = torch.addmm(d_out @ weight, d_inner, a).view(*d_out_shape[:-1], -1)
        d_a = (d_inner.T @ rows).to(ctx.types[0])
        d_b = (d_out.T @ inner).to(ctx.types[1]).mul_(ctx.scale)
        return d_x, None, None, d_a, d_b, None


class FusedLinear(Linear):  # type: ignore[misc] # peft ships no types
    """PEFT's layer; where one plain adapter is active, computed as one operation."""

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs or self.disable_adapters or self.merged or not self.training:
            return super().forward(x, *args, **kwargs)
        name = self.active_adapters[0]
        base = self.get_base_layer()
        return _FusedLora.apply(
            x,
            base.weight,
            base.bias,
            self.lora_A[name].weight,
            self.lora_B[name].weight,
            self.scaling[name],
        )


def fusible(layer: Any) -> bool:
    """Whether this layer is a frozen linear layer with one plain adapter (no dropout, DoRA or bias)."""
    if type(layer) not in (Linear, FusedLinear) or len(layer.active_adapters) != 1:
        return False
    base, name = layer.get_base_layer(), layer.active_adapters[0]
    return (
        type(base) is torch.nn.Linear
        and not base.weight.requires_grad
        and (base.bias is None or not base.bias.requires_grad)
        and name in layer.lora_A
        and name not in layer.lora_variant
        and isinstance(layer.lora_dropout[name], torch.nn.Identity)
        and layer.lora_B[name].bias is None
    )


def fuse(model: Any, on: bool = True) -> int:
    """Compute every fusible adapter as one operation, or as PEFT does again; return how many there are."""
    layers = [layer for layer in model.modules() if fusible(layer)]
    for layer in layers:
        layer.__class__ = FusedLinear if on else Linear
    return len(layers)
