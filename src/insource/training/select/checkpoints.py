"""What a training curve says: the checkpoint to keep, whether to go on, whether the run overfits.

Pure functions of the curve. A resumed run reads its curve back and comes to the same decisions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from insource.types import Estimate, TrainingPoint

OVERFITS_ABOVE = 1.05
OVERFITS_FOR = 2


class Checkpoint(NamedTuple):
    """One evaluation of a run. ``training_loss`` is the mean since the evaluation before."""

    step: int
    epoch: float
    training_loss: float | None
    validation_loss: float
    score: Estimate | None = None


def checkpoints_of(points: Sequence[TrainingPoint]) -> list[Checkpoint]:
    """Return the evaluations of a curve, in order."""
    found: list[Checkpoint] = []
    losses: list[float] = []
    for point in points:
        if point.loss is not None:
            losses.append(point.loss)
        if point.validation_loss is not None:
            mean = math.fsum(losses) / len(losses) if losses else None
            found.append(Checkpoint(point.step, point.epoch, mean, point.validation_loss))
            losses = []
        if point.task_metric is not None:
            found = [
                one._replace(score=point.task_metric) if one.step == point.step else one for one in found
            ]
    return found


def ranked(checkpoints: Sequence[Checkpoint], sign: float) -> list[Checkpoint]:
    """Return the checkpoints, the best first.

    A scored one is better than one without a score. Among scored ones the task's metric decides, then the
    validation loss, then the earlier step. ``sign`` is -1 where a smaller value of the metric is better.
    """
    return sorted(checkpoints, key=lambda one: (-_merit(one, sign), _loss(one), one.step))


def exhausted(checkpoints: Sequence[Checkpoint], patience: int, sign: float, metric: str) -> str:
    """Return why training should stop now, empty to go on; a patience of 0 never stops.

    An evaluation without improvement is one in which neither the task's metric nor the validation loss was
    better than ever before: the metric of a few documents stands still by chance while the model improves.
    """
    best_merit, best_loss, without = -math.inf, math.inf, 0
    for one in checkpoints:
        better = _loss(one) < best_loss or _merit(one, sign) > best_merit
        without = 0 if better else without + 1
        best_merit, best_loss = max(best_merit, _merit(one, sign)), min(best_loss, _loss(one))
    if not patience or without < patience:
        return ""
    scored = any(one.score is not None for one in checkpoints)
    what = f"neither {metric.replace('_', ' ')} nor validation loss improved" if scored else "no improvement"
    return f"early: {what} in {without} evaluations" + ("" if scored else " on validation")


def overfitting(checkpoints: Sequence[Checkpoint]) -> str:
    """Return a sentence that names the overfitting of a run, empty when it does not overfit.

    A run overfits when its validation loss is more than 5 % above its minimum in two evaluations in a row
    while the training loss has fallen since that minimum.
    """
    for index in range(OVERFITS_FOR, len(checkpoints)):
        lowest = min(checkpoints[: index + 1], key=lambda one: (_loss(one), one.step))
        last = checkpoints[index + 1 - OVERFITS_FOR : index + 1]
        above = all(_loss(one) > OVERFITS_ABOVE * _loss(lowest) for one in last)
        now, then = last[-1].training_loss, lowest.training_loss
        if above and now is not None and then is not None and now < then:
            rise = _loss(last[-1]) / _loss(lowest) - 1
            return (
                f"Overfitting from step {last[0].step:,}: at step {last[-1].step:,} the validation loss is "
                f"{_loss(last[-1]):.3f}, {rise:.0%} above its minimum of {_loss(lowest):.3f} at step "
                f"{lowest.step:,}, while the training loss fell from {then:.3f} to {now:.3f}."
            )
    return ""


def gap(checkpoint: Checkpoint, documents: int) -> Estimate | None:
    """Return the validation loss minus the training loss at a checkpoint, in nats a token."""
    if checkpoint.training_loss is None:
        return None
    return Estimate(
        value=checkpoint.validation_loss - checkpoint.training_loss,
        n=documents,
        method="validation loss minus the mean training loss since the evaluation before",
        note="no interval: the trainer gives means only",
    )


def _merit(checkpoint: Checkpoint, sign: float) -> float:
    value = checkpoint.score.value if checkpoint.score else None
    return -math.inf if value is None or math.isnan(value) else sign * value


def _loss(checkpoint: Checkpoint) -> float:
    loss = checkpoint.validation_loss
    return math.inf if math.isnan(loss) else loss
