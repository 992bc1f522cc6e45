"""A linear layer and its LoRA adapter as one operation, with a backward pass of its own.

PEFT keeps a float32 copy of each bfloat16 input for the backward pass, and makes four tensors of the
output's size. Here the copy is made again when it is needed, and the adapter's output is added in place. The
adapter is computed in the type of its own weights, as in PEFT, or in the type of the base, which rounds its
gradient; the optimiser changes the float32 weights in both cases.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch.autograd import Function


class _FusedLora(Function):  # type: ignore[misc] # torch is not read by mypy here
    """``x W^T + bias + scale * (x A^T) B^T`` for a frozen W and bias; the adapter's part in ``dtype``."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, a: Any, b: Any, scale: float, dtype: Any) -> Any:
        rows = x.reshape(-1, x.shape[-1])
        ctx.types = a.dtype, b.dtype
        a, b = a.to(dtype), b.to(dtype)
        inner = (rows.to(dtype) @ a.T).mul_(scale)
        out = torch.nn.functional.linear(rows, weight, bias)
        _add_product(out, inner, b.T)
        ctx.save_for_backward(rows, inner, weight, a, b)
        ctx.scale = scale
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, d_out: Any) -> Any:
        rows, inner, weight, a, b = ctx.saved_tensors
        shape = d_out.shape
        d_out = d_out.reshape(-1, shape[-1])
        d_wide = d_out.to(a.dtype)
        d_inner = (d_wide @ b).mul_(ctx.scale)
        d_b = (d_wide.T @ inner).to(ctx.types[1])
        d_a = (d_inner.T @ rows.to(a.dtype)).to(ctx.types[0])
        d_x = None
        if ctx.needs_input_grad[0]:
            d_x = d_out @ weight
            _add_product(d_x, d_inner, a)
            d_x = d_x.view(*shape[:-1], -1)
        return d_x, None, None, d_a, d_b, None, None


def _add_product(out: Any, left: Any, right: Any) -> None:
    """Add ``left @ right`` to ``out`` in place, rounded once to its type."""
    if out.dtype == left.dtype:
        out.addmm_(left, right)
    else:
        out.add_(left @ right)


class FusedLinear(Linear):  # type: ignore[misc] # peft ships no types
    """PEFT's layer; where one plain adapter is active, computed as one operation.

    ``in_base_type`` is whether the adapter is computed in the type of the base.
    """

    in_base_type = False

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs or self.disable_adapters or self.merged or not self.training:
            return super().forward(x, *args, **kwargs)
        name = self.active_adapters[0]
        base, a = self.get_base_layer(), self.lora_A[name].weight
        return _FusedLora.apply(
            x,
            base.weight,
            base.bias,
            a,
            self.lora_B[name].weight,
            self.scaling[name],
            x.dtype if self.in_base_type else a.dtype,
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


def fuse(model: Any, on: bool = True, *, in_base_type: bool = False) -> int:
    """Compute every fusible adapter as one operation, or as PEFT does again; return how many there are."""
    layers = [layer for layer in model.modules() if fusible(layer)]
    for layer in layers:
        layer.__class__ = FusedLinear if on else Linear
        layer.in_base_type = in_base_type
    return len(layers)
