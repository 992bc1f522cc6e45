"""Take the primary comparison apart: its slices, and from which difficulty the candidate falls behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.evaluation.comparison.break_point import break_point
from insource.evaluation.comparison.difficulty import difficulties
from insource.evaluation.comparison.slices import compare_slices, document_slices
from insource.evaluation.stage import Evaluated
from insource.foundation.errors import DataError
from insource.types import Comparison, Dataset, Task
from insource.types.comparison import BreakPoint, Slices
from insource.workflow.session import Session


class Parts(NamedTuple):
    """The slices and break points of the primary comparison."""

    slices: Slices | None = None
    break_points: tuple[BreakPoint, ...] = ()


def dissect(
    session: Session,
    dataset: Dataset,
    task: Task,
    evaluated: Sequence[Evaluated],
    comparisons: Sequence[Comparison],
) -> Parts:
    """Return the parts of the first comparison, on the test documents that both arms were asked about."""
    if not comparisons:
        return Parts()
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
    return Parts(compare_slices(candidate, baseline, slices, metric=metric), tuple(points))
