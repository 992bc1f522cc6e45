"""The summary of a finished training run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from insource.training.recipe import Recipe
from insource.training.select.checkpoints import checkpoints_of, gap, overfitting
from insource.training.select.scoring import ScoringPlan
from insource.types import Example, SweepTrial, TrainingPoint, TrainingSummary

if TYPE_CHECKING:
    from insource.training.loop.fine_tune import Trained


def summarised(
    trained: Trained,
    recipe: Recipe,
    points: Sequence[TrainingPoint],
    *,
    base: str,
    examples: int,
    longest_answer: int,
    metric: str,
    plan: ScoringPlan,
    trials: Sequence[SweepTrial],
    chosen_on: Sequence[Example],
    validation_rows: int,
    seconds: float,
    compact_answers: bool,
) -> TrainingSummary:
    """Return the summary of a run that followed ``recipe`` and ``plan`` along the curve ``points``."""
    speed = next((point.tokens_per_s for point in reversed(points) if point.tokens_per_s), 0.0)
    evaluations = checkpoints_of(points)
    best = next(one for one in evaluations if one.step == trained.best_step)
    return TrainingSummary(
        base_model=base,
        method=recipe.method,
        compact_answers=compact_answers,
        planned_memory_bytes=recipe.memory.total,
        examples=examples,
        steps=trained.steps,
        planned_steps=recipe.steps,
        epochs=round(trained.epochs, 2),
        tokens=points[-1].tokens if points else 0,
        tokens_per_s=round(speed or 0.0, 1),
        best_step=trained.best_step,
        best_validation_loss=trained.best_validation_loss,
        stopped=trained.stopped,
        longest_answer_tokens=longest_answer,
        choices=_choices(recipe, trained, plan),
        curve=tuple(points),
        seconds=seconds,
        peak_memory_bytes=trained.peak_memory_bytes,
        metric=metric if best.score else "",
        score=best.score,
        gap=gap(best, validation_rows),
        overfitting=overfitting(evaluations),
        trials=tuple(trials),
        chosen_on=tuple(example.row_id for example in chosen_on),
    )


def _choices(recipe: Recipe, trained: Trained, plan: ScoringPlan) -> tuple[tuple[str, str, str], ...]:
    """Return every automatic choice: its name, its value, its reason."""
    return (
        *((choice.name, choice.value, choice.reason) for choice in (*recipe.choices, *trained.speed)),
        ("checkpoint", plan.value, plan.reason),
    )
