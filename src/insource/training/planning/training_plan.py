"""The plan of a training run as values: settings with reasons, memory, time, money, and what stops it."""

from __future__ import annotations

from collections.abc import Sequence

from insource.foundation.errors import InsourceError
from insource.training.planning.data import DataFacts
from insource.training.planning.duration import Amount, seconds_by_rule, seconds_by_runs, speed_of
from insource.training.planning.machine import Machine
from insource.training.planning.shape import ModelShape
from insource.training.recipe import Choice, Recipe
from insource.types import NOT_MEASURED, Estimate, Frozen

MEMORY_ERROR = 0.15
CPU_MEMORY_ERROR = 0.2
"""Runs on a CPU took 0.86 to 1.18 of their plan: ``benchmarks/bench_planned_memory.py``."""


class Stop(Frozen):
    """A check before training that failed. ``overridable`` says that ``--force`` overrides it."""

    code: str
    message: str
    details: tuple[str, ...]
    hint: str
    overridable: bool


class TrainingPlan(Frozen):
    """What `insource train` would do.

    ``memory_bytes`` is the peak, ``memory_parts`` what takes it, ``available_bytes`` what may be taken.
    ``stops`` prevent the run, ``ends`` are the conditions that end it.
    """

    base_model: str
    machine: Machine
    data: DataFacts
    steps: int
    choices: tuple[Choice, ...]
    memory_bytes: Estimate
    memory_parts: dict[str, int]
    available_bytes: int
    fits: bool
    seconds: Estimate
    usd: Estimate
    stops: tuple[Stop, ...]
    ends: tuple[str, ...]


def training_plan(
    recipe: Recipe,
    *,
    base_model: str,
    machine: Machine,
    data: DataFacts,
    shape: ModelShape,
    failed: Sequence[InsourceError],
    overridable: frozenset[str],
    usd_per_hour: float | None,
    speeds: Sequence[float],
    choosing: float = 0.0,
) -> TrainingPlan:
    """Return the plan; ``speeds`` are tokens per second of earlier runs of this model, the newest first.

    ``usd_per_hour`` is the price of everything that computes, None where it is not known.
    ``choosing`` is the largest share of the training time that a sweep and scored checkpoints may take
    beside it.
    """
    seconds = _with_choosing(_seconds(recipe, machine, data, shape, speeds), choosing)
    total = recipe.memory.total
    return TrainingPlan(
        base_model=base_model,
        machine=machine,
        data=data,
        steps=recipe.steps,
        choices=recipe.choices,
        memory_bytes=_memory(total, machine),
        memory_parts=recipe.memory.model_dump(),
        available_bytes=recipe.available_bytes,
        fits=recipe.fits,
        seconds=seconds,
        usd=_money(seconds, usd_per_hour),
        stops=tuple(
            Stop(
                code=error.code,
                message=error.message,
                details=error.details,
                hint=error.hint,
                overridable=error.code in overridable,
            )
            for error in failed
        ),
        ends=_ends(recipe),
    )


def _memory(total: int, machine: Machine) -> Estimate:
    error, whose = MEMORY_ERROR, "published measurements"
    if machine.device == "cpu":
        error, whose = CPU_MEMORY_ERROR, "our own runs on a CPU"
    return Estimate(
        value=total,
        low=total * (1 - error),
        high=total * (1 + error),
        n=1,
        method=f"formula, within {100 * error:.0f} % of {whose}",
    )


def _seconds(
    recipe: Recipe, machine: Machine, data: DataFacts, shape: ModelShape, speeds: Sequence[float]
) -> Estimate:
    evaluations = recipe.steps // recipe.evaluate_every
    amount = Amount(
        trained_tokens=recipe.steps * recipe.batch_size * data.mean_row_tokens,
        evaluated_tokens=evaluations * data.validation_rows * data.mean_row_tokens,
    )
    if speeds:
        return seconds_by_runs(amount, speeds)
    return seconds_by_rule(
        amount,
        shape,
        data,
        method=recipe.method,
        checkpointing=recipe.checkpointing,
        speed=speed_of(machine, recipe.precision),
        cards=recipe.processes if machine.device == "cuda" else 1,
    )


def _with_choosing(training: Estimate, share: float) -> Estimate:
    """Return the time of a run whose choices may take ``share`` of its training time, or nothing."""
    if not share or training.high is None:
        return training
    method = f"{training.method}; the upper end has {share:.0%} more, for a sweep and scored checkpoints"
    return training.model_copy(update={"high": training.high * (1 + share), "method": method})


def _money(seconds: Estimate, usd_per_hour: float | None) -> Estimate:
    if usd_per_hour is None:
        return NOT_MEASURED.model_copy(update={"note": "no price of the machine is known"})
    return seconds.scaled(usd_per_hour / 3600, f"${usd_per_hour:.3g} an hour for the expected time")


def _ends(recipe: Recipe) -> tuple[str, ...]:
    early = (
        f"after {recipe.patience} evaluations without improvement, one every {recipe.evaluate_every} steps"
        if recipe.patience
        else "never early: training.patience is 0"
    )
    return (f"at step {recipe.steps:,}", early, "at once when a loss is no number")
