"""Take comparisons apart: by slice and field, and from which difficulty the candidate falls behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.arms.registry import ARMS
from insource.arms.tuned import FACTORY as TUNED
from insource.evaluation.comparison.break_point import break_point
from insource.evaluation.comparison.difficulty import difficulties
from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.comparison.slices import compare_slices, document_slices
from insource.evaluation.stage import Evaluated
from insource.foundation.errors import ConfigError, DataError
from insource.types import Comparison, Dataset, Task
from insource.types.comparison import BreakPoint, Slices
from insource.workflow.session import Session

CLASSICAL = frozenset(factory.kind for factory in ARMS if factory.early and factory.role == "candidate")
"""The kinds of arms that need no language model."""


class Parts(NamedTuple):
    """The slices and break points of the primary comparison.

    ``added`` compares the tuned language model with the best model that needs none, on the same slices.
    """

    slices: Slices | None = None
    break_points: tuple[BreakPoint, ...] = ()
    added: Slices | None = None


def dissect(
    session: Session,
    dataset: Dataset,
    task: Task,
    evaluated: Sequence[Evaluated],
    comparisons: Sequence[Comparison],
) -> Parts:
    """Return the parts of the first comparison, on the test documents that both arms were asked about."""
    added = _added(dataset, task, evaluated)
    if not comparisons:
        return Parts(added=added)
    arms = {one.evaluation.arm.name: (one.evaluation.arm, one.records) for one in evaluated}
    candidate, baseline = arms[comparisons[0].candidate], arms[comparisons[0].baseline]
    test = dataset.splits["test"]
    measures = difficulties(test, dataset.splits["train"])
    slices = document_slices(test, candidate[1], measures)
    metric = task.primary_metric
    points = []
    for measure in measures:
        try:
            points.append(
                break_point(
                    candidate,
                    baseline,
                    measure,
                    metric=metric,
                    margin=task.margin,
                    question=session.config.evaluation.question,
                    seed=session.config.project.seed,
                )
            )
        except DataError as error:
            session.display.note(f"{measure.name}: {error.message}")
    return Parts(compare_slices(candidate, baseline, slices, metric=metric), tuple(points), added)


def _added(dataset: Dataset, task: Task, evaluated: Sequence[Evaluated]) -> Slices | None:
    """Return tuned against the best classical arm by slice; None where one of them was not measured."""
    metric, test = task.primary_metric, dataset.splits["test"]
    tuned = next((one for one in evaluated if one.evaluation.arm.kind == TUNED.kind), None)
    classical = [one for one in evaluated if one.evaluation.arm.kind in CLASSICAL and _value(one, metric)]
    if tuned is None or not classical:
        return None
    best = max(classical, key=lambda one: gain_sign(metric) * (_value(one, metric) or 0.0))
    slices = document_slices(test, tuned.records, difficulties(test, dataset.splits["train"]))
    sides = [(one.evaluation.arm, one.records) for one in (tuned, best)]
    try:
        return compare_slices(sides[0], sides[1], slices, metric=metric)
    except (ConfigError, DataError):  # a metric without a value by document has no slices
        return None


def _value(one: Evaluated, metric: str) -> float | None:
    found = one.evaluation.metrics.get(metric)
    return found.value if found else None
