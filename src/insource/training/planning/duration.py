"""How long training takes: by the tokens per second of earlier runs, else by what the machine multiplies.

A token costs 2 operations a weight forwards and 2 more backwards through a frozen weight, 4 through a trained
one (Kaplan et al. 2020, arXiv 2001.08361, table 1). The output layer is computed where the loss is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

from insource.config.training import Method, Precision
from insource.training.planning.data import DataFacts
from insource.training.planning.machine import Machine
from insource.training.planning.shape import ModelShape
from insource.types import NOT_MEASURED, Estimate

EFFICIENCY = 0.45
"""Share of a large matrix product's speed that a whole step reaches; see ``benchmarks/bench_training.py``."""
RULE_FACTOR = 2.0
MEASURED_FACTOR = 1.3
PROBE_S = 0.5


class Amount(NamedTuple):
    """What is to be computed: trained tokens of all steps, and tokens of all evaluations."""

    trained_tokens: float
    evaluated_tokens: float


class Speed(NamedTuple):
    """Floating-point operations a second of a large matrix product, and where the figure is from."""

    operations_per_s: float
    source: str


def speed_of(machine: Machine, precision: Precision) -> Speed | None:
    """Return what a machine multiplies: as stated of one that is elsewhere, else measured in half a second.

    None where it can be neither read nor measured: PyTorch is not installed.
    """
    if machine.stated_operations_per_s:
        stated = machine.stated_operations_per_s.get(precision)
        return None if stated is None else Speed(stated, f"stated of the {machine.name}")
    if find_spec("torch") is None:
        return None
    return Speed(operations_per_s(precision), "measured on this machine")


def operations_per_token(
    shape: ModelShape, method: Method, answer_share: float, checkpointing: bool
) -> float:
    """Return floating-point operations of one trained token."""
    backward = 4 if method == "full" else 2
    again = 2 if checkpointing else 0
    head = shape.vocabulary * shape.hidden * answer_share
    return (2 + backward + again) * shape.linear_parameters + (2 + backward) * head


def seconds_by_rule(
    amount: Amount,
    shape: ModelShape,
    data: DataFacts,
    *,
    method: Method,
    checkpointing: bool,
    speed: Speed | None,
    cards: int = 1,
) -> Estimate:
    """Return the expected duration where no run has been measured yet; within a factor of two.

    ``cards`` share the rows of each batch. Without a speed the duration is not measured.
    """
    if speed is None:
        return NOT_MEASURED.model_copy(update={"note": "PyTorch, which measures the speed, is not installed"})
    step = operations_per_token(shape, method, data.answer_share, checkpointing)
    look = 2 * (shape.linear_parameters + shape.vocabulary * shape.hidden * data.answer_share)
    operations = amount.trained_tokens * step + amount.evaluated_tokens * look
    seconds = operations / (speed.operations_per_s * EFFICIENCY * cards)
    return Estimate(
        value=seconds,
        low=seconds / RULE_FACTOR,
        high=seconds * RULE_FACTOR,
        n=1,
        method=f"{speed.operations_per_s / 1e9:,.0f} billion operations a second {speed.source}, "
        f"{EFFICIENCY:.0%} of it in a step",
    )


def seconds_by_runs(amount: Amount, tokens_per_s: Sequence[float]) -> Estimate:
    """Return the expected duration by the speeds of earlier runs of this model, the newest first.

    An evaluated token takes a third of a trained one: it has no backward pass.
    """
    tokens = amount.trained_tokens + amount.evaluated_tokens / 3
    seconds = tokens / tokens_per_s[0]
    slowest, fastest = min(tokens_per_s), max(tokens_per_s)
    return Estimate(
        value=seconds,
        low=tokens / fastest / MEASURED_FACTOR,
        high=tokens / slowest * MEASURED_FACTOR,
        n=len(tokens_per_s),
        method="tokens per second of earlier runs here",
    )


@cache
def operations_per_s(precision: Precision) -> float:
    """Measure how many floating-point operations a second a matrix product reaches: half a second, once."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = 4096 if device == "cuda" else 768
    one = torch.ones(size, size, dtype=getattr(torch, precision), device=device)
    best, began = 0.0, time.monotonic()
    while time.monotonic() - began < PROBE_S:
        start = time.perf_counter()
        for _ in range(4):
            one @ one
        if device == "cuda":
            torch.cuda.synchronize()
        best = max(best, 4 * 2 * size**3 / (time.perf_counter() - start))
    return best
