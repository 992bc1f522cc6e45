"""Is there enough data? Start here: answers of trained models in, figures with bands or reasons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from insource.decision.sufficiency.curve import learning_curve
from insource.decision.sufficiency.labelling import to_label
from insource.decision.sufficiency.losses import Asked, losses
from insource.decision.sufficiency.needed import needed
from insource.decision.sufficiency.power import NO_PAIR, power_of_test
from insource.evaluation.comparison.pairs import Side, gain_sign
from insource.evaluation.metrics import document_value, estimate
from insource.types import Dataset, EvalRecord, Task
from insource.types.comparison import Question
from insource.types.sufficiency import CurveSource, LearningCurve, Needed, PowerOfTest, Sufficiency


class Trained(NamedTuple):
    """The answers of one kind of model after trainings on more and more examples, and why that kind."""

    source: CurveSource
    arm: str
    reason: str
    asked: Sequence[Asked]


NO_TARGET = "no target is known: no cloud was measured on the test split, and none was given"
NO_CURVE = "nothing was trained on several sizes yet: insource decide --depth probe"


def data_sufficiency(
    dataset: Dataset,
    task: Task,
    *,
    trained: Trained | None = None,
    pair: tuple[Side, Side] | None = None,
    answered: Mapping[str, Sequence[EvalRecord]] | None = None,
    target: float | None = None,
    question: Question = "documents",
    usd_per_row: float | None = None,
    seed: int = 0,
) -> Sufficiency:
    """Return what is known of the data, and why the rest is not.

    Args:
        trained: what a probe trained on nested parts of the training split, judged on validation.
        pair: candidate and baseline with their records on the test split.
        answered: the records of the arms that speak to which rows are doubtful; the classical one first.
        target: the quality to reach; without one, that of the baseline less the margin.
        usd_per_row: the cost of one label.
    """
    metric, unknown = task.primary_metric, {}
    wanted = target if target is not None else _as_good_as(pair, metric, task.margin)
    curve: LearningCurve | None = None
    more: tuple[Needed, ...] = ()
    if trained is None:
        unknown["curve"] = NO_CURVE
    else:
        curve = curve_of(trained, task, usd_per_row=usd_per_row, seed=seed)
        if wanted is not None:
            by_part = wanted if metric in ("accuracy", "field_accuracy") else None
            more = needed(trained.asked, metric, wanted, of_parts=by_part, seed=seed)
    if not more:
        unknown["needed"] = NO_CURVE if trained is None else NO_TARGET
    power = PowerOfTest(metric=metric, margin=task.margin, unknown=NO_PAIR)
    if pair is not None:
        power = power_of_test(*pair, metric, task.margin, question)
    if power.unknown:
        unknown["power"] = power.unknown
    arms = answered or {}
    return Sufficiency(
        curve=curve,
        needed=more,
        power=power,
        to_label=to_label(dataset, task, arms, next(iter(arms), "")),
        unknown=unknown,
    )


def curve_of(
    trained: Trained, task: Task, *, usd_per_row: float | None = None, seed: int = 0
) -> LearningCurve:
    """Return the learning curve of what was trained; a gain of the margin would be worth twice the rows."""
    return learning_curve(
        losses(trained.asked, task.primary_metric),
        source=trained.source,
        arm=trained.arm,
        reason=trained.reason,
        delta=task.margin,
        usd_per_row=usd_per_row,
        seed=seed,
    )


def _as_good_as(pair: tuple[Side, Side] | None, metric: str, margin: float) -> float | None:
    """Return the baseline's quality on the test split, less the margin; None where nothing real is known."""
    if pair is None or pair[1][0].simulated:
        return None
    values = [(record.group, document_value(record, metric)) for record in pair[1][1]]
    known = [(group, value) for group, value in values if value is not None]
    if not known:
        return None
    found = estimate([value for _, value in known], [group for group, _ in known], metric).value
    return None if found is None else found - gain_sign(metric) * margin
